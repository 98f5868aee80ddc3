// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import ai.djl.util.Progress;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.net.ProxySelector;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Downloads a file and goes on where an earlier attempt stopped.
 *
 * @param limit the longest wait for a connection, an answer or more bytes
 * @param largest the largest size of a file, in bytes
 */
record HttpDownload(Duration limit, long largest) {

    private static final Logger logger = LoggerFactory.getLogger(HttpDownload.class);

    private static final int RESUMES = 10;
    private static final int BUFFER = 1 << 16;
    private static final long LARGEST = 1 << 29;

    /** Creates a download of files that are not larger than the archives of image data sets. */
    HttpDownload(Duration limit) {
        this(limit, LARGEST);
    }

    /**
     * Downloads the rest of a file.
     *
     * <p>A connection that breaks is opened again as long as each attempt adds bytes. What was
     * received stays in the file, whatever happens, unless it is too large.
     *
     * @param uri where the file is
     * @param part the bytes received so far; need not exist
     * @param progress counts bytes
     */
    void fetch(URI uri, Path part, Progress progress) throws IOException {
        HttpClient client =
                HttpClient.newBuilder()
                        .connectTimeout(limit)
                        .followRedirects(HttpClient.Redirect.NORMAL)
                        .proxy(ProxySelector.getDefault())
                        .build();
        for (int resumes = 0; ; resumes++) {
            long before = size(part);
            try {
                StallGuard.call(
                        "download of " + uri,
                        limit,
                        progress,
                        watched -> once(client, uri, part, watched));
                return;
            } catch (IOException e) {
                if (resumes == RESUMES
                        || size(part) <= before
                        || Thread.currentThread().isInterrupted()) {
                    throw e;
                }
                logger.info("Resuming the download at byte {}: {}", size(part), e.toString());
            }
        }
    }

    private long once(HttpClient client, URI uri, Path part, Progress progress) throws IOException {
        long have = size(part);
        HttpRequest.Builder request = HttpRequest.newBuilder(uri).timeout(limit);
        if (have > 0) {
            request.header("Range", "bytes=" + have + "-");
        }
        HttpResponse<InputStream> response = send(client, request.build());
        try (InputStream body = response.body()) {
            int status = response.statusCode();
            if (status == 206 && startsAt(response, have)) {
                return save(response, body, part, have, progress);
            }
            if (status == 200) {
                return save(response, body, part, 0, progress);
            }
            if (have == 0 || (status != 206 && status != 416)) {
                throw new DataException(
                        "status of %s must be 200 or 206, got %d".formatted(uri, status));
            }
        }
        Files.delete(part);
        return once(client, uri, part, progress);
    }

    private static HttpResponse<InputStream> send(HttpClient client, HttpRequest request)
            throws IOException {
        try {
            return client.send(request, HttpResponse.BodyHandlers.ofInputStream());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            InterruptedIOException interrupted = new InterruptedIOException("interrupted");
            interrupted.initCause(e);
            throw interrupted;
        }
    }

    private static boolean startsAt(HttpResponse<?> response, long offset) {
        return response.headers()
                .firstValue("Content-Range")
                .filter(range -> range.startsWith("bytes " + offset + "-"))
                .isPresent();
    }

    private long save(
            HttpResponse<?> response, InputStream body, Path part, long offset, Progress progress)
            throws IOException {
        long length = response.headers().firstValueAsLong("Content-Length").orElse(0);
        long size = offset + length;
        if (size <= largest) {
            progress.reset("Downloading", size);
            progress.update(offset);
            size = write(body, part, offset, progress);
        }
        if (size > largest) {
            Files.deleteIfExists(part);
            throw new DataException(
                    "size of %s must be at most %d bytes, got more"
                            .formatted(response.uri(), largest));
        }
        progress.end();
        return size;
    }

    /** Returns the size of the file, which ends where it is too large. */
    private long write(InputStream body, Path part, long offset, Progress progress)
            throws IOException {
        StandardOpenOption mode =
                offset > 0 ? StandardOpenOption.APPEND : StandardOpenOption.TRUNCATE_EXISTING;
        byte[] buffer = new byte[BUFFER];
        long size = offset;
        try (OutputStream out =
                Files.newOutputStream(
                        part, StandardOpenOption.CREATE, StandardOpenOption.WRITE, mode)) {
            for (int n = body.read(buffer); n >= 0; n = body.read(buffer)) {
                // Counting comes first: work that was given up stops here and writes no more.
                progress.increment(n);
                size += n;
                if (size > largest) {
                    break;
                }
                out.write(buffer, 0, n);
            }
        }
        return size;
    }

    private static long size(Path part) throws IOException {
        return Files.exists(part) ? Files.size(part) : 0;
    }
}
