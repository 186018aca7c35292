package dev.layermesh.mesh.files;

import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.eventbus.DeliveryOptions;
import io.vertx.core.eventbus.ReplyException;
import io.vertx.core.eventbus.ReplyFailure;
import io.vertx.core.json.JsonObject;
import io.vertx.core.tracing.TracingPolicy;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;

/**
 * Fetches a worker's small files over the event bus, chunk by chunk. The bus may lose any message, so each request is
 * sent again after a short timeout. Thread-safe; blocks, so it belongs on a virtual thread.
 */
public final class ModelFilesClient {
  private static final Duration TIMEOUT = Duration.ofSeconds(2);
  private static final int ATTEMPTS = 5;

  private final Vertx vertx;
  private final Duration timeout;

  public ModelFilesClient(Vertx vertx) {
    this(vertx, TIMEOUT);
  }

  ModelFilesClient(Vertx vertx, Duration timeout) {
    this.vertx = vertx;
    this.timeout = timeout;
  }

  /**
   * All files the worker serves, by name, each checked against its digest.
   *
   * @throws IOException if the worker is gone, stays silent, or sends what does not match its own digest; another
   *     worker of the same model may be asked instead
   */
  public Map<String, byte[]> fetch(String workerId) throws IOException {
    String address = ModelFilesEndpoint.address(workerId);
    FileManifest manifest = FileManifest.fromJson(ask(address, new JsonObject(), JsonObject.class));
    Map<String, byte[]> files = new TreeMap<>();
    for (Map.Entry<String, FileManifest.Entry> entry : manifest.entries().entrySet()) {
      byte[] bytes = fetchFile(address, entry.getKey(), entry.getValue().size());
      manifest.verify(entry.getKey(), bytes);
      files.put(entry.getKey(), bytes);
    }
    return files;
  }

  private byte[] fetchFile(String address, String name, int size) throws IOException {
    Buffer file = Buffer.buffer(size);
    while (file.length() < size) {
      JsonObject question = new JsonObject().put("file", name).put("offset", file.length());
      Buffer chunk = ask(address, question, Buffer.class);
      if (chunk.length() == 0 || file.length() + chunk.length() > size) {
        throw new IOException(address + ": " + name + " is not of the promised " + size + " bytes");
      }
      file.appendBuffer(chunk);
    }
    return file.getBytes();
  }

  private <T> T ask(String address, JsonObject question, Class<T> answerType) throws IOException {
    DeliveryOptions options = new DeliveryOptions()
        .setSendTimeout(timeout.toMillis()).setTracingPolicy(TracingPolicy.IGNORE);
    for (int attempt = 1;; attempt++) {
      try {
        Object answer = vertx.eventBus().request(address, question, options)
            .toCompletionStage().toCompletableFuture().get().body();
        if (!answerType.isInstance(answer)) {
          throw new IOException(address + ": unexpected answer to " + question.encode());
        }
        return answerType.cast(answer);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw (IOException) new InterruptedIOException("interrupted while asking " + address).initCause(e);
      } catch (ExecutionException e) {
        if (attempt == ATTEMPTS || isRefusal(e.getCause())) {
          throw new IOException(address + ": " + e.getCause().getMessage(), e.getCause());
        }
      }
    }
  }

  /** The worker refused the request; the same request would be refused again. */
  private static boolean isRefusal(Throwable failure) {
    return failure instanceof ReplyException reply && reply.failureType() == ReplyFailure.RECIPIENT_FAILURE;
  }
}
