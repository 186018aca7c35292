package dev.layermesh.engine.speculation;

import dev.layermesh.decoding.DraftChoice;
import dev.layermesh.decoding.DraftToken;
import dev.layermesh.decoding.Handoff;
import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.TokenSequence;
import dev.layermesh.decoding.VerifyReply.Verdict;
import dev.layermesh.decoding.loop.Drafter;
import java.util.ArrayList;
import java.util.Optional;

/**
 * Drafts with the first layers of the target itself and the shared head (LayerSkip, arXiv 2404.16710). For K draft
 * tokens it runs K + 1 rows: the last draft token's row too, so that the verifier never needs a layer below the exit.
 */
final class ModelDrafter implements Drafter {
  private final SessionSpec spec;
  private final EarlyLayers early;
  private final int exitLayer;
  private final DraftChoice choice;

  ModelDrafter(SessionSpec spec, EarlyLayers early, int exitLayer, DraftChoice choice) {
    this.spec = spec;
    this.early = early;
    this.exitLayer = exitLayer;
    this.choice = choice;
  }

  @Override
  public Handoff extend(TokenSequence known, int from, int to) throws InterruptedException {
    extendTo(known, to);
    return handoff(known.slice(from, to), from);
  }

  @Override
  public Draft draft(TokenSequence known, int tokens, boolean tail) throws InterruptedException {
    int first = known.length() - 1;
    extendTo(known, first);
    early.truncate(first);
    var rows = new ArrayList<Integer>(tokens + 1);
    var drafted = new ArrayList<DraftToken>(tokens + 1);
    rows.add(known.id(first));
    while (true) {
      int position = first + rows.size() - 1;
      boolean ended = !drafted.isEmpty() && spec.stops().eosIds().contains(rows.getLast());
      boolean lastRow = rows.size() > tokens || ended;
      boolean asks = !lastRow || (tail && !ended);
      early.draw(rows.getLast(), asks ? Optional.of(spec.sampling()) : Optional.empty())
          .ifPresent(q -> drafted.add(choice.choose(q, position + 1)));
      if (lastRow) {
        return new Draft(handoff(TokenIds.of(rows.stream().mapToInt(Integer::intValue).toArray()), first), drafted);
      }
      rows.add(drafted.getLast().id());
    }
  }

  /** Rows of known tokens up to {@code position}, also those that no Extend asked for, as the verifier had them. */
  private void extendTo(TokenSequence known, int position) throws InterruptedException {
    int first = early.length();
    if (first < position) {
      early.extend(known.slice(first, known.length() - 1), position - first);
    }
  }

  private Handoff handoff(TokenIds ids, int from) {
    return new Handoff.ExitStates(from, ids, exitLayer, early.states(from, from + ids.length()));
  }

  @Override
  public void observe(TokenSequence committed, Verdict verdict) {
    int settled = committed.length() - 1;
    if (verdict.next().isPresent()) {
      early.truncate(Math.min(early.length(), settled));
    }
    early.share(settled);
  }

  @Override
  public long rowsRun() {
    return early.rowsRun();
  }

  @Override
  public void close() {
    early.close();
  }
}
