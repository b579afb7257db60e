package com.example.tides;

public record Tide(String harbour, double metres) {
    public static Tide at(String harbour) {
        return new Tide(harbour, 6.7);
    }
}
