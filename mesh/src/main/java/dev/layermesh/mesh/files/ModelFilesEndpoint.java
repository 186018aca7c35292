package dev.layermesh.mesh.files;

import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.eventbus.Message;
import io.vertx.core.eventbus.MessageConsumer;
import io.vertx.core.json.JsonObject;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * A worker's side of {@link ModelFilesClient}: answers {@code files.<workerId>} with the manifest ({@code {}}) or
 * with a chunk of a file ({@code {file, offset}}). It keeps no state per client, so any request may be repeated.
 *
 * <p>Answers on an event loop, from memory; opened and closed on a main or virtual thread.
 */
public final class ModelFilesEndpoint implements AutoCloseable {
  /** Larger messages would delay the exit states that share the connection. */
  static final int CHUNK_BYTES = 256 << 10;
  private static final int BAD_REQUEST = 400;
  private static final int REGISTRATION_SECONDS = 10;

  private final Map<String, Buffer> files = new HashMap<>();
  private final JsonObject manifest;
  private final MessageConsumer<JsonObject> consumer;

  private ModelFilesEndpoint(Vertx vertx, String workerId, Map<String, byte[]> contents) {
    contents.forEach((name, bytes) -> files.put(name, Buffer.buffer(bytes.clone())));
    manifest = FileManifest.of(contents).toJson();
    consumer = vertx.eventBus().consumer(address(workerId), this::answer);
  }

  /**
   * Serves {@code files}, by plain file name, until closed; other nodes can ask on return.
   *
   * @throws IllegalArgumentException if a name is not plain or a file exceeds 64 MiB
   */
  public static ModelFilesEndpoint open(Vertx vertx, String workerId, Map<String, byte[]> files) {
    ModelFilesEndpoint endpoint = new ModelFilesEndpoint(vertx, workerId, files);
    try {
      endpoint.consumer.completion().toCompletionStage().toCompletableFuture()
          .get(REGISTRATION_SECONDS, TimeUnit.SECONDS);
      return endpoint;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while registering " + address(workerId), e);
    } catch (ExecutionException | TimeoutException e) {
      throw new IllegalStateException("cannot register " + address(workerId) + " in the cluster", e);
    }
  }

  @Override
  public void close() {
    consumer.unregister();
  }

  static String address(String workerId) {
    return "files." + workerId;
  }

  private void answer(Message<JsonObject> message) {
    JsonObject request = message.body();
    if (request.isEmpty()) {
      message.reply(manifest);
      return;
    }
    Buffer file = request.getValue("file") instanceof String name ? files.get(name) : null;
    int offset = request.getValue("offset") instanceof Integer value ? value : 0;
    if (file == null || offset < 0 || offset > file.length()) {
      message.fail(BAD_REQUEST, "no such chunk: " + request.encode());
      return;
    }
    message.reply(file.getBuffer(offset, Math.min(file.length(), offset + CHUNK_BYTES)));
  }
}
