package dev.layermesh.mesh.transport;

import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.loop.Round;
import dev.layermesh.decoding.loop.TokenSink;
import java.util.function.IntConsumer;

/** A client: checks that rounds arrive in order and without gaps, and acknowledges the tokens that the test allows. */
final class Received implements TokenSink {
  private final IntConsumer onRound;
  private volatile TokenIds tokens;

  /** A client that holds {@code earlier} tokens and tells {@code onRound} how many there are after each round. */
  Received(TokenIds earlier, IntConsumer onRound) {
    this.tokens = earlier;
    this.onRound = onRound;
  }

  TokenIds tokens() {
    return tokens;
  }

  @Override
  public void round(Round round) {
    if (round.from() != tokens.length()) {
      throw new IllegalStateException("round from " + round.from() + " after " + tokens.length() + " tokens");
    }
    tokens = tokens.concat(round.committed());
    onRound.accept(tokens.length());
  }
}
