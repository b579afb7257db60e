package com.example;

public final class Worker {
    public static void main(String[] args) throws InterruptedException {
        while (true) {
            System.out.println("owed: " + new Money(4200));
            Thread.sleep(10_000);
        }
    }
}
