package com.example;

import static org.junit.jupiter.api.Assertions.assertEquals;
import org.junit.jupiter.api.Test;

class AppIT {
    @Test
    void addsToo() {
        assertEquals(3, App.add(1, 2));
    }
}
