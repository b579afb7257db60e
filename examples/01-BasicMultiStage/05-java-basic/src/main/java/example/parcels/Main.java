package example.parcels;

import com.google.gson.Gson;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.Executors;

/** Answers GET /parcels/&lt;grams&gt; with a price, and GET /healthz. */
public final class Main {
    private static final Gson GSON = new Gson();

    public static void main(String[] args) throws IOException {
        int port = Integer.parseInt(System.getenv().getOrDefault("PORT", "8080"));
        HttpServer server = HttpServer.create(new InetSocketAddress(port), 0);
        server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
        server.createContext("/healthz", exchange -> answer(exchange, 200, Map.of("status", "ok")));
        server.createContext("/parcels/", Main::parcel);
        server.createContext("/", exchange -> answer(exchange, 200, Map.of("try", "/parcels/1200")));
        Runtime.getRuntime().addShutdownHook(new Thread(() -> server.stop(1)));
        server.start();
        System.out.println("listening on port " + port);
    }

    private static void parcel(HttpExchange exchange) throws IOException {
        String text = exchange.getRequestURI().getPath().substring("/parcels/".length());
        try {
            answer(exchange, 200, Price.of(Integer.parseInt(text)));
        } catch (IllegalArgumentException e) {
            answer(exchange, 400, Map.of("error", "a weight is a number of grams from 1 to 30000"));
        }
    }

    private static void answer(HttpExchange exchange, int status, Object value) throws IOException {
        byte[] body = (GSON.toJson(value) + "\n").getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("Content-Type", "application/json");
        exchange.sendResponseHeaders(status, body.length);
        try (exchange) {
            exchange.getResponseBody().write(body);
        }
    }
}
