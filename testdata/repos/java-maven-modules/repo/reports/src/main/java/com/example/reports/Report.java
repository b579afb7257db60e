package com.example.reports;

public interface Report {
    String title();
}
