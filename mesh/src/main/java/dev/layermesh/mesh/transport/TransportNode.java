package dev.layermesh.mesh.transport;

import dev.layermesh.decoding.SessionKey;
import dev.layermesh.mesh.membership.Registration;
import dev.layermesh.mesh.membership.Workers;
import dev.layermesh.mesh.wire.Frame;
import dev.layermesh.mesh.wire.Kind;
import dev.layermesh.mesh.wire.Message;
import dev.layermesh.mesh.wire.WireException;
import io.vertx.core.buffer.Buffer;
import java.time.Duration;
import java.util.Objects;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What every endpoint of a worker or gateway needs: its bus, its id, the live workers and the waiting times.
 *
 * @param bus carries its frames and its timers
 * @param id id of the worker or gateway, unique in the mesh
 * @param workers the live workers
 * @param times how long it waits for what
 */
public record TransportNode(FrameBus bus, String id, Workers workers, TransportTimes times) {
  private static final Logger LOG = LoggerFactory.getLogger(TransportNode.class);

  public TransportNode {
    Objects.requireNonNull(bus, "bus");
    Objects.requireNonNull(id, "id");
    Objects.requireNonNull(workers, "workers");
    Objects.requireNonNull(times, "times");
  }

  /** A node with {@link TransportTimes#DEFAULTS}. */
  public TransportNode(FrameBus bus, String id, Workers workers) {
    this(bus, id, workers, TransportTimes.DEFAULTS);
  }

  Buffer encode(SessionKey key, Message message) {
    return new Frame(id, key, message).encode();
  }

  void send(String address, SessionKey key, Message message) {
    bus.send(address, encode(key, message));
  }

  /** Decodes frames and calls the handler. Malformed frames and handler exceptions are logged and dropped. */
  FrameBus.Listening listen(String address, Consumer<Frame> handler) {
    return bus.listen(address, bytes -> {
      try {
        handler.accept(Frame.decode(bytes));
      } catch (WireException malformed) {
        LOG.warn("{}: dropped {} bytes that are no frame: {}", address, bytes.length(), malformed.getMessage());
      } catch (RuntimeException bug) {
        LOG.error("{}: dropped a frame", address, bug);
      }
    });
  }

  Registration everyTick(Runnable action) {
    return bus.every(times.tick(), action);
  }

  long now() {
    return bus.nanoTime();
  }

  /** Whether {@code duration} has passed since {@code nanos}. */
  boolean past(long nanos, Duration duration) {
    return now() - nanos >= duration.toNanos();
  }

  static void dropped(String address, Frame frame) {
    LOG.warn("{}: dropped a {} from {}: this address does not take it",
        address, Kind.of(frame.message()), frame.sender());
  }
}
