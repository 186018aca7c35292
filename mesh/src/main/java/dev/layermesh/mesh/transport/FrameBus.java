package dev.layermesh.mesh.transport;

import dev.layermesh.mesh.membership.Registration;
import io.vertx.core.buffer.Buffer;
import java.time.Duration;
import java.util.concurrent.CompletionStage;
import java.util.function.Consumer;

/**
 * The bus of a node: best-effort frames, timers and a clock. A frame may be lost, repeated, delayed or reordered. One
 * thread at a time runs all callbacks of a bus; a callback must not block. Any thread may call the methods; they return
 * at once.
 */
public interface FrameBus {

  /** Sends {@code frame} to the listener at {@code address}, if any. The caller must not change it afterwards. */
  void send(String address, Buffer frame);

  /** Calls {@code handler} with every frame that arrives at {@code address}. */
  Listening listen(String address, Consumer<Buffer> handler);

  /** Runs {@code action} every {@code period}. */
  Registration every(Duration period, Runnable action);

  /** Monotonic time in nanoseconds since an arbitrary origin. */
  long nanoTime();

  /** A registered listener; closing it removes it. */
  interface Listening extends Registration {

    /** Completes when the whole mesh can reach the address. */
    CompletionStage<Void> ready();
  }
}
