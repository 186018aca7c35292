package dev.layermesh.mesh.transport;

import dev.layermesh.mesh.membership.Registration;
import io.vertx.core.buffer.Buffer;
import java.time.Duration;
import java.util.concurrent.CompletionStage;
import java.util.function.Consumer;

/**
 * What transport needs from the outside world: best-effort frames and time. A frame may be lost, repeated, delayed or
 * overtaken. All callbacks of one bus come from one thread at a time and must not block; every method may be called by
 * any thread and returns at once.
 */
public interface FrameBus {

  /** Sends {@code frame} to whoever listens at {@code address}, if anyone does; it must not be changed afterwards. */
  void send(String address, Buffer frame);

  /** Hands every frame sent to {@code address} to {@code handler}. */
  Listening listen(String address, Consumer<Buffer> handler);

  /** Runs {@code action} every {@code period}. */
  Registration every(Duration period, Runnable action);

  /** This bus's time in nanoseconds, from an arbitrary origin; it never runs back. */
  long nanoTime();

  /** A listener that can be taken back. */
  interface Listening extends Registration {

    /** Completes when the whole mesh can reach the address. */
    CompletionStage<Void> ready();
  }
}
