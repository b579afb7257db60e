package com.example.birds;

import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;

@Path("/birds")
public class BirdResource {
    @GET
    public String list() {
        return "heron, wren";
    }
}
