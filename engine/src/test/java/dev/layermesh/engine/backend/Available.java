package dev.layermesh.engine.backend;

import static org.junit.jupiter.api.Assumptions.abort;

import dev.layermesh.engine.cpu.NativeBackendProvider;

/** Skips tests of a backend that this machine does not have, with the reason. */
public final class Available {
  private Available() {}

  /** Returns where there is a backend of that name; only the native one may be missing. */
  public static void require(String backend) {
    BackendProvider inC = new NativeBackendProvider();
    if (backend.equals(inC.name())) {
      inC.unavailableBecause().ifPresent(reason -> abort(reason));
    }
  }
}
