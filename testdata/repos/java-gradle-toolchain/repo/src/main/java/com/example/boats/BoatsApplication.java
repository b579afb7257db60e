package com.example.boats;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;

@SpringBootApplication
public class BoatsApplication {
    public static void main(String[] args) {
        SpringApplication.run(BoatsApplication.class, args);
    }
}
