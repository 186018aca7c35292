package dev.layermesh.system;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import dev.layermesh.decoding.TokenIds;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/** Server-sent events of a completion, read only when asked for; blocks the reader. */
final class EventStream implements AutoCloseable {
  private static final String DONE = "[DONE]";

  private final BufferedReader lines;
  private final StringBuilder text = new StringBuilder();
  private TokenIds promptIds = TokenIds.empty();
  private TokenIds ids = TokenIds.empty();
  private String finish = "";
  private JsonNode usage = MissingNode.getInstance();
  private JsonNode speculation = MissingNode.getInstance();

  /** An event: its name, {@code message} if it has none, and its data. */
  private record Event(String name, String data) {}

  /** How a stream ended. */
  sealed interface End {
    record Done(GatewayClient.Answer answer) implements End {}

    /** By {@code event: error}, which was the last event. */
    record Failed(JsonNode error) implements End {}
  }

  EventStream(InputStream body) {
    this.lines = new BufferedReader(new InputStreamReader(body, StandardCharsets.UTF_8), 256);
  }

  /** Tokens so far. */
  TokenIds ids() {
    return ids;
  }

  /** Reads until so many tokens have come. */
  void readTokens(int count) {
    while (ids.length() < count) {
      Event event = next().orElseThrow(() -> new AssertionError("a bare end after " + ids.length() + " tokens"));
      assertThat(event.name()).as(event.data()).isEqualTo("message");
      take(event.data());
    }
  }

  /** Reads to the end: a regular one or one error; a stream without an end, or with events after it, fails. */
  End finished() {
    while (true) {
      Event event = next().orElseThrow(() -> new AssertionError("a bare end after " + ids.length() + " tokens"));
      if (event.name().equals("error")) {
        assertThat(next()).as("after the error").isEmpty();
        return new End.Failed(json(event.data()).required("error"));
      }
      if (event.data().equals(DONE)) {
        assertThat(next()).as("after " + DONE).isEmpty();
        return new End.Done(new GatewayClient.Answer(promptIds, ids, text.toString(), finish, usage, speculation));
      }
      take(event.data());
    }
  }

  /** Reads to the regular end. */
  GatewayClient.Answer answer() {
    return switch (finished()) {
      case End.Done(GatewayClient.Answer answer) -> answer;
      case End.Failed(JsonNode error) -> throw new AssertionError("after " + ids.length() + " tokens: " + error);
    };
  }

  private void take(String data) {
    JsonNode chunk = json(data);
    if (chunk.has("prompt_token_ids")) {
      promptIds = GatewayClient.ids(chunk.get("prompt_token_ids"));
    }
    for (JsonNode choice : chunk.required("choices")) {
      JsonNode piece = choice.has("text") ? choice.get("text") : choice.required("delta").path("content");
      text.append(piece.asText(""));
      if (choice.has("token_ids")) {
        ids = ids.concat(GatewayClient.ids(choice.get("token_ids")));
      }
      if (choice.hasNonNull("finish_reason")) {
        finish = choice.get("finish_reason").textValue();
      }
    }
    if (chunk.hasNonNull("usage")) {
      usage = chunk.get("usage");
    }
    if (chunk.has("speculation")) {
      speculation = chunk.get("speculation");
    }
  }

  private Optional<Event> next() {
    String name = "message";
    var data = new StringBuilder();
    try {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        if (line.startsWith("event: ")) {
          name = line.substring("event: ".length());
        } else if (line.startsWith("data: ")) {
          data.append(line.substring("data: ".length()));
        } else if (line.isEmpty() && !data.isEmpty()) {
          return Optional.of(new Event(name, data.toString()));
        }
      }
      assertThat(data).as("incomplete event").isEmpty();
      return Optional.empty();
    } catch (IOException e) {
      throw new UncheckedIOException("after " + ids.length() + " tokens", e);
    }
  }

  private static JsonNode json(String text) {
    try {
      return GatewayClient.JSON.readTree(text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Closes the connection without a message. */
  @Override
  public void close() {
    try {
      lines.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
