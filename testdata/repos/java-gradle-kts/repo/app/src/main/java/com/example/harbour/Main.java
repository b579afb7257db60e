package com.example.harbour;

import com.example.tides.Tide;
import io.javalin.Javalin;

public final class Main {
    public static void main(String[] args) {
        Javalin.create()
                .get("/health", context -> context.result("ok"))
                .get("/tides", context -> context.result(Tide.at("dover").toString()))
                .start(7070);
    }
}
