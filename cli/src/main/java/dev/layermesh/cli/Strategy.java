package dev.layermesh.cli;

import dev.layermesh.decoding.WindowPolicy;
import java.util.Locale;

/** Ways to decode, by the names of the command line. */
enum Strategy {
  AUTOREGRESSIVE,
  SELF_SPECULATIVE;

  /** A request decoded in this way. */
  CompletionRequest applyTo(CompletionRequest request) {
    return switch (this) {
      case AUTOREGRESSIVE -> request.withWindow(WindowPolicy.AUTOREGRESSIVE);
      case SELF_SPECULATIVE -> request;
    };
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
