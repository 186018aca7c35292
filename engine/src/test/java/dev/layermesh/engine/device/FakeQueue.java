package dev.layermesh.engine.device;

import dev.layermesh.engine.backend.Device;
import dev.layermesh.engine.backend.DeviceLostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Optional;
import java.util.Queue;

/** Calls that the device runs in order when {@link #await} is called. Belongs to one thread. */
final class FakeQueue {
  private final Device device;
  private final Optional<Path> loss = Optional.ofNullable(System.getProperty(FakeProvider.LOSS)).map(Path::of);
  private final Queue<Runnable> calls = new ArrayDeque<>();
  private volatile boolean lost;
  private boolean closed;

  FakeQueue(Device device) {
    this.device = device;
  }

  void add(Runnable call) {
    if (closed) {
      throw new IllegalStateException("the backend is closed");
    }
    calls.add(call);
  }

  /** Runs all calls. */
  void await() {
    if (lost || loss.filter(Files::exists).isPresent()) {
      throw new DeviceLostException(device, "it fell off the bus", null);
    }
    try {
      for (Runnable call = calls.poll(); call != null; call = calls.poll()) {
        call.run();
      }
    } finally {
      calls.clear();
    }
  }

  /** Any thread: the next wait finds the device lost. */
  void lose() {
    lost = true;
  }

  void close() {
    closed = true;
    calls.clear();
  }
}
