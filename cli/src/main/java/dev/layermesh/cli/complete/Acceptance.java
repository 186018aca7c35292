package dev.layermesh.cli.complete;

import dev.layermesh.decoding.AcceptanceRule;
import java.util.Locale;

/** Acceptance rules by their names on the command line and in requests to a gateway. */
public enum Acceptance {
  SHARED_NOISE(AcceptanceRule.SHARED_NOISE),
  CLASSIC(AcceptanceRule.SPECULATIVE_SAMPLING);

  private final AcceptanceRule rule;

  Acceptance(AcceptanceRule rule) {
    this.rule = rule;
  }

  public static Acceptance of(AcceptanceRule rule) {
    return switch (rule) {
      case AcceptanceRule.SharedNoise shared -> SHARED_NOISE;
      case AcceptanceRule.SpeculativeSampling classic -> CLASSIC;
    };
  }

  public AcceptanceRule rule() {
    return rule;
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
