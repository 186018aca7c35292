package dev.layermesh.gateway;

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
 * Responses over one WebSocket: {@code response.create} and {@code response.cancel}, each lane ({@code stream_id}) one
 * response at a time. Reads frames rather than messages, because Vert.x accepts text that is not UTF-8 (RFC 6455, 8.1).
 * Owned by the connection's event loop.
 */
final class ResponsesSocket {
  private static final int MAX_LANES = 64;
  private static final short GOING_AWAY = 1001;
  private static final short PROTOCOL_ERROR = 1002;
  private static final short UNACCEPTABLE = 1003;
  private static final short NOT_UTF8 = 1007;
  private static final short TOO_BIG = 1009;

  private final Vertx vertx;
  private final ServerWebSocket socket;
  private final MultiMap handshake;
  private final Turns turns;
  private final GatewayOptions options;
  /** The busy lanes; a lane without a turn waits for its prompt to be encoded. */
  private final Map<Optional<String>, Optional<Turn>> lanes = new HashMap<>();
  /** Lanes that were cancelled while they waited. */
  private final Set<Optional<String>> cancelled = new HashSet<>();
  private Buffer message = Buffer.buffer();
  private boolean heard = true;
  private boolean pinged;

  private ResponsesSocket(
      Vertx vertx, ServerWebSocket socket, MultiMap handshake, Turns turns, GatewayOptions options) {
    this.vertx = vertx;
    this.socket = socket;
    this.handshake = handshake;
    this.turns = turns;
    this.options = options;
  }

  /** Serves a fresh connection. */
  static void serve(Vertx vertx, ServerWebSocket socket, MultiMap handshake, Turns turns, GatewayOptions options) {
    new ResponsesSocket(vertx, socket, handshake, turns, options).serve();
  }

  private void serve() {
    long pinger = vertx.setPeriodic(options.ping().toMillis(), id -> ping());
    socket.frameHandler(this::frame);
    socket.pongHandler(pong -> heard = true);
    socket.drainHandler(none -> List.copyOf(lanes.values()).forEach(lane -> lane.ifPresent(Turn::drained)));
    socket.exceptionHandler(this::broken);
    socket.shutdownHandler(none -> close(GOING_AWAY, "the gateway is shutting down"));
    socket.closeHandler(none -> {
      vertx.cancelTimer(pinger);
      List.copyOf(lanes.values()).forEach(lane -> lane.ifPresent(Turn::vanish));
      lanes.clear();
    });
  }

  private void ping() {
    if (!heard && pinged) {
      close(GOING_AWAY, "silent");
    } else {
      pinged = true;
      heard = false;
      if (!socket.isClosed()) {
        socket.writePing(Buffer.buffer());
      }
    }
  }

  private void frame(WebSocketFrame frame) {
    heard = true;
    switch (frame.type()) {
      case TEXT, CONTINUATION -> append(frame);
      case BINARY -> close(UNACCEPTABLE, "messages are JSON text");
      case PING, PONG, CLOSE -> {}
    }
  }

  private void append(WebSocketFrame frame) {
    if (message.length() + frame.binaryData().length() > options.maxBodyBytes()) {
      message = Buffer.buffer();
      close(TOO_BIG, "a message has at most " + options.maxBodyBytes() + " bytes");
      return;
    }
    message.appendBuffer(frame.binaryData());
    if (frame.isFinal()) {
      byte[] whole = message.getBytes();
      message = Buffer.buffer();
      try {
        message(StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(whole)).toString());
      } catch (CharacterCodingException e) {
        close(NOT_UTF8, "text must be UTF-8");
      }
    }
  }

  private void message(String text) {
    Optional<String> lane = Optional.empty();
    try {
      Fields fields = Fields.parse(text);
      lane = fields.text("stream_id");
      String type = fields.text("type").orElseThrow(() -> Fields.wrong("type", "is required"));
      switch (type) {
        case "response.create" -> create(lane, fields);
        case "response.cancel" -> cancel(lane);
        default -> throw Fields.wrong("type", "must be response.create or response.cancel");
      }
    } catch (ApiException wrong) {
      send(ResponseAnswer.errorFrame(wrong.error(), lane));
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
        () -> turns.reader().response(fields), request -> new ResponseAnswer(lane, this::send, this::writable), "chat",
        new TurnTelemetry.Origin.Linked(handshake), () -> lanes.containsKey(lane) && !socket.isClosed());
    turns.start(call, () -> free(lane))
        .onSuccess(turn -> {
          lanes.computeIfPresent(lane, (name, before) -> turn);
          if (cancelled.remove(lane)) {
            turn.ifPresent(Turn::cancel);
          }
        })
        .onFailure(failure -> {
          free(lane);
          send(ResponseAnswer.errorFrame(Turns.errorOf(failure), lane));
        });
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
