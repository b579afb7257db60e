package com.example;

public record Metre(double value) {}
