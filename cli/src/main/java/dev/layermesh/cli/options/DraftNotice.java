package dev.layermesh.cli.options;

import dev.layermesh.decoding.WindowPolicy;
import java.util.Optional;

/** The line that a command prints at its start when it drafts nothing because no exit layer is named. */
public final class DraftNotice {
  private DraftNotice() {}

  /** The line for a model's usual window; empty where that drafts. */
  public static Optional<String> of(WindowPolicy usual) {
    return usual.equals(WindowPolicy.AUTOREGRESSIVE)
        ? Optional
            .of("No drafts: neither the checkpoint nor --exit-layer names an exit layer; --window K drafts anyway.")
        : Optional.empty();
  }
}
