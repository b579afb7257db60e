package com.example.tides;

import java.util.Map;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.RestController;

@RestController
class TideController {
    record Tide(String harbour, double metres) {}

    private static final Map<String, Double> TIDES = Map.of("dover", 6.7, "ostend", 4.6);

    @GetMapping("/tides/{harbour}")
    Tide tide(@PathVariable("harbour") String harbour) {
        return new Tide(harbour, TIDES.getOrDefault(harbour, 0.0));
    }
}
