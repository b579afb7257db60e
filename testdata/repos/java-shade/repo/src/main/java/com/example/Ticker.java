package com.example;

public final class Ticker {
    public static void main(String[] args) throws InterruptedException {
        for (int i = 0; ; i++) {
            System.out.println("tick " + i);
            Thread.sleep(5000);
        }
    }
}
