package dev.layermesh.cli.complete;

import dev.layermesh.decoding.DraftToken;
import dev.layermesh.decoding.Handoff;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.TokenSequence;
import dev.layermesh.decoding.VerifyReply.Verdict;
import dev.layermesh.decoding.loop.Drafter;
import java.util.function.Consumer;

/** A drafter whose proposals are shown before they are judged. */
final class ShownDrafter implements Drafter {
  private final Drafter drafter;
  private final Consumer<TokenIds> shown;

  ShownDrafter(Drafter drafter, Consumer<TokenIds> shown) {
    this.drafter = drafter;
    this.shown = shown;
  }

  @Override
  public Handoff extend(TokenSequence known, int from, int to) throws InterruptedException {
    return drafter.extend(known, from, to);
  }

  @Override
  public Draft draft(TokenSequence known, int tokens, boolean tail) throws InterruptedException {
    Draft draft = drafter.draft(known, tokens, tail);
    if (!draft.tokens().isEmpty()) {
      shown.accept(TokenIds.of(draft.tokens().stream().mapToInt(DraftToken::id).toArray()));
    }
    return draft;
  }

  @Override
  public void observe(TokenSequence committed, Verdict verdict) {
    drafter.observe(committed, verdict);
  }

  @Override
  public long rowsRun() {
    return drafter.rowsRun();
  }

  @Override
  public void close() {
    drafter.close();
  }
}
