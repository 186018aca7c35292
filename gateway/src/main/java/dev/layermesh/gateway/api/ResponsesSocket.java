package dev.layermesh.gateway.api;

import dev.layermesh.gateway.turn.ApiError;
import dev.layermesh.gateway.turn.ApiException;
import dev.layermesh.gateway.turn.Turn;
import dev.layermesh.gateway.turn.TurnTelemetry;
import dev.layermesh.gateway.turn.Turns;
import io.netty.handler.codec.http.websocketx.CorruptedWebSocketFrameException;
import io.vertx.core.Future;
import io.vertx.core.MultiMap;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.ServerWebSocket;
import io.vertx.core.http.WebSocketFrame;
import io.vertx.core.json.JsonObject;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Serves the Responses API over one WebSocket: {@code response.create} and {@code response.cancel}. Each lane
 * ({@code stream_id}) has one response at a time. Reads frames instead of messages, because Vert.x accepts messages
 * that are not UTF-8, which RFC 6455, 8.1 forbids. Owned by the connection's event loop.
 */
final class ResponsesSocket {
  private static final int MAX_LANES = 64;
  /** Larger messages are parsed off the event loop. */
  private static final int SMALL_BYTES = 16 << 10;
  private static final int UNANSWERED_PINGS = 2;
  private static final short GOING_AWAY = 1001;
  private static final short PROTOCOL_ERROR = 1002;
  private static final short UNACCEPTABLE = 1003;
  private static final short NOT_UTF8 = 1007;
  private static final short TOO_BIG = 1009;

  private final Vertx vertx;
  private final ServerWebSocket socket;
  private final MultiMap handshake;
  private final Turns turns;
  private final RequestReader reader;
  private final ClientLimits limits;
  /** The busy lanes; a lane has no turn while its prompt is encoded. */
  private final Map<Optional<String>, Optional<Turn>> lanes = new HashMap<>();
  /** Lanes that were cancelled before they had a turn. */
  private final Set<Optional<String>> cancelled = new HashSet<>();
  private Buffer message = Buffer.buffer();
  /** Pings since the last frame of the client. */
  private int silent;
  /** Pings that were skipped while the send queue was full. */
  private int full;
  /** A large message is being parsed. The next messages wait, so that all take effect in order. */
  private boolean parsing;
  /** The client sends wrong requests faster than it reads the errors. */
  private boolean choked;

  private ResponsesSocket(
      Vertx vertx, ServerWebSocket socket, MultiMap handshake, Turns turns, RequestReader reader,
      ClientLimits limits) {
    this.vertx = vertx;
    this.socket = socket;
    this.handshake = handshake;
    this.turns = turns;
    this.reader = reader;
    this.limits = limits;
  }

  /** Serves a fresh connection. */
  static void serve(
      Vertx vertx, ServerWebSocket socket, MultiMap handshake, Turns turns, RequestReader reader,
      ClientLimits limits) {
    new ResponsesSocket(vertx, socket, handshake, turns, reader, limits).serve();
  }

  private void serve() {
    long pinger = vertx.setPeriodic(limits.ping().toMillis(), id -> ping());
    socket.frameHandler(this::frame);
    socket.pongHandler(pong -> silent = 0);
    socket.drainHandler(none -> drained());
    socket.exceptionHandler(this::broken);
    socket.shutdownHandler(none -> close(GOING_AWAY, "the gateway is shutting down"));
    socket.closeHandler(none -> {
      vertx.cancelTimer(pinger);
      List.copyOf(lanes.values()).forEach(lane -> lane.ifPresent(Turn::clientGone));
      lanes.clear();
    });
  }

  private void ping() {
    if (socket.isClosed()) {
      return;
    }
    if (socket.writeQueueFull()) {
      if (limits.ping().multipliedBy(full++).compareTo(limits.stall()) >= 0) {
        close(GOING_AWAY, "stalled");
      }
    } else if (silent == UNANSWERED_PINGS) {
      close(GOING_AWAY, "silent");
    } else {
      silent++;
      socket.writePing(Buffer.buffer());
    }
  }

  private void drained() {
    full = 0;
    silent = 0;
    choked = false;
    flow();
    List.copyOf(lanes.values()).forEach(lane -> lane.ifPresent(Turn::drained));
  }

  /** Pauses or resumes reading. */
  private void flow() {
    if (parsing || choked) {
      socket.pause();
    } else {
      socket.resume();
    }
  }

  private void frame(WebSocketFrame frame) {
    silent = 0;
    switch (frame.type()) {
      case TEXT, CONTINUATION -> append(frame);
      case BINARY -> close(UNACCEPTABLE, "messages are JSON text");
      case PING, PONG, CLOSE -> {}
    }
  }

  private void append(WebSocketFrame frame) {
    if (message.length() + frame.binaryData().length() > limits.maxMessageBytes()) {
      message = Buffer.buffer();
      close(TOO_BIG, "a message has at most " + limits.maxMessageBytes() + " bytes");
      return;
    }
    message.appendBuffer(frame.binaryData());
    if (frame.isFinal()) {
      byte[] whole = message.getBytes();
      message = Buffer.buffer();
      if (whole.length <= SMALL_BYTES) {
        small(whole);
      } else {
        large(whole);
      }
    }
  }

  private void small(byte[] whole) {
    Fields fields;
    try {
      fields = parse(whole);
    } catch (ApiException | CharacterCodingException wrong) {
      wrong(wrong);
      return;
    }
    message(fields);
  }

  private void large(byte[] whole) {
    parsing = true;
    flow();
    turns.read(() -> parse(whole)).onComplete(parsed -> {
      parsing = false;
      if (parsed.succeeded()) {
        message(parsed.result());
      } else {
        wrong(parsed.cause());
      }
      flow();
    });
  }

  private static Fields parse(byte[] whole) throws CharacterCodingException {
    return Fields.parse(StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(whole)).toString());
  }

  private void wrong(Throwable unreadable) {
    if (unreadable instanceof CharacterCodingException) {
      close(NOT_UTF8, "text must be UTF-8");
    } else {
      refuse(Turns.errorOf(unreadable), Optional.empty());
    }
  }

  private void message(Fields fields) {
    Optional<String> lane = Optional.empty();
    try {
      lane = fields.text("stream_id");
      String type = fields.text("type").orElseThrow(() -> Fields.wrong("type", "is required"));
      switch (type) {
        case "response.create" -> create(lane, fields);
        case "response.cancel" -> cancel(lane);
        default -> throw Fields.wrong("type", "must be response.create or response.cancel");
      }
    } catch (ApiException wrong) {
      refuse(wrong.error(), lane);
    }
  }

  private void create(Optional<String> lane, Fields fields) {
    if (lane.isPresent() && lane.get().length() > 256) {
      throw Fields.wrong("stream_id", "has at most 256 characters");
    }
    if (lanes.containsKey(lane)) {
      throw new ApiException(
          ApiError.badRequest(409, "response_in_progress", "this lane already answers a response.create"));
    }
    if (lanes.size() == MAX_LANES) {
      throw new ApiException(ApiError.busy(
          429, "websocket_lane_limit_reached", "a connection answers " + MAX_LANES + " responses at a time", 1));
    }
    lanes.put(lane, Optional.empty());
    var call = new Turns.Call(
        () -> reader.response(fields),
        request -> new ResponseEventWriter(lane, echo(fields), this::send, this::writable), "chat",
        new TurnTelemetry.Origin.Linked(handshake), () -> lanes.containsKey(lane) && !socket.isClosed(),
        () -> close(GOING_AWAY, "stalled"));
    turns.start(call, () -> free(lane))
        .onSuccess(turn -> {
          lanes.computeIfPresent(lane, (name, before) -> turn);
          if (cancelled.remove(lane)) {
            turn.ifPresent(Turn::cancel);
          }
        })
        .onFailure(failure -> {
          free(lane);
          refuse(Turns.errorOf(failure), lane);
        });
  }

  private static ResponseEventWriter.Echo echo(Fields fields) {
    return new ResponseEventWriter.Echo(
        fields.text("instructions"),
        fields.any("metadata").map(JsonObject.class::cast).orElseGet(JsonObject::new));
  }

  /** Sends an error. Pauses reading while the send queue is full, because no credit bounds errors. */
  private void refuse(ApiError error, Optional<String> lane) {
    send(ResponseEventWriter.errorFrame(error, lane));
    if (!socket.isClosed() && socket.writeQueueFull()) {
      choked = true;
      flow();
    }
  }

  private void cancel(Optional<String> lane) {
    if (!lanes.containsKey(lane)) {
      throw new ApiException(ApiError.badRequest(404, "response_not_found", "no response runs in this lane"));
    }
    lanes.get(lane).ifPresentOrElse(Turn::cancel, () -> cancelled.add(lane));
  }

  private void free(Optional<String> lane) {
    lanes.remove(lane);
    cancelled.remove(lane);
  }

  private boolean writable() {
    return !socket.isClosed() && !socket.writeQueueFull();
  }

  private Future<Void> send(JsonObject event) {
    return socket.isClosed() ? Future.succeededFuture() : socket.writeTextMessage(event.encode());
  }

  private void broken(Throwable failure) {
    if (failure instanceof CorruptedWebSocketFrameException corrupt) {
      close((short) corrupt.closeStatus().code(), "");
    } else {
      close(PROTOCOL_ERROR, "");
    }
  }

  private void close(short code, String reason) {
    if (!socket.isClosed()) {
      socket.close(code, reason);
    }
  }
}
