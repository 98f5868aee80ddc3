// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** A server of one file whose connections break after some bytes. */
final class FlakyServer implements AutoCloseable {

    final List<String> ranges = Collections.synchronizedList(new ArrayList<>());
    volatile boolean honourRange = true;
    volatile boolean tellLength = true;
    volatile int bytesPerConnection = Integer.MAX_VALUE;
    volatile int status = 200;
    volatile byte[] content;

    private final HttpServer server;
    private final ExecutorService threads = Executors.newCachedThreadPool();

    FlakyServer(byte[] content) throws IOException {
        this.content = content;
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", this::answer);
        server.setExecutor(threads);
        server.start();
    }

    URI uri() {
        return URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/package.tgz");
    }

    private void answer(HttpExchange exchange) throws IOException {
        String range = exchange.getRequestHeaders().getFirst("Range");
        ranges.add(String.valueOf(range));
        if (status != 200) {
            exchange.sendResponseHeaders(status, -1);
            exchange.close();
            return;
        }
        int from = 0;
        int code = 200;
        if (range != null && honourRange) {
            from = Integer.parseInt(range.replace("bytes=", "").replace("-", ""));
            if (from >= content.length) {
                exchange.sendResponseHeaders(416, -1);
                exchange.close();
                return;
            }
            code = 206;
            exchange.getResponseHeaders()
                    .add(
                            "Content-Range",
                            "bytes %d-%d/%d".formatted(from, content.length - 1, content.length));
        }
        int length = content.length - from;
        exchange.sendResponseHeaders(code, tellLength ? length : 0);
        OutputStream body = exchange.getResponseBody();
        body.write(content, from, Math.min(length, bytesPerConnection));
        body.flush();
        if (length > bytesPerConnection) {
            // The server closes a connection whose handler fails.
            throw new IOException("connection cut");
        }
        exchange.close();
    }

    @Override
    public void close() {
        server.stop(0);
        threads.shutdownNow();
    }
}
