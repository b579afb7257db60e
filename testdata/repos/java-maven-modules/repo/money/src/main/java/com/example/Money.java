package com.example;

public record Money(long cents) {
    @Override
    public String toString() {
        return "%d.%02d EUR".formatted(cents / 100, cents % 100);
    }
}
