package dev.layermesh.engine.speculation;

import dev.layermesh.decoding.DraftChoice;
import dev.layermesh.decoding.DraftToken;
import dev.layermesh.decoding.Drafter;
import dev.layermesh.decoding.Handoff;
import dev.layermesh.decoding.HiddenRows;
import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.TokenSequence;
import dev.layermesh.decoding.VerifyReply.Verdict;
import dev.layermesh.engine.lane.LaneSession;
import java.util.ArrayList;
import java.util.Optional;

/**
 * Drafts with the first layers of the target itself and the shared head (LayerSkip, arXiv 2404.16710). For K draft
 * tokens it runs K + 1 rows: the last draft token's row too, so that the verifier never needs a layer below the exit.
 */
final class ModelDrafter implements Drafter {
  private final SessionSpec spec;
  private final LaneSession lane;
  private final int exitLayer;
  private final DraftChoice choice;
  private final ExitQueryCache exits = new ExitQueryCache();

  ModelDrafter(SessionSpec spec, LaneSession lane, int exitLayer, DraftChoice choice) {
    this.spec = spec;
    this.lane = lane;
    this.exitLayer = exitLayer;
    this.choice = choice;
  }

  @Override
  public Handoff extend(TokenSequence known, int from, int to) throws InterruptedException {
    if (to > exits.length()) {
      int first = exits.length();
      lane.extend(first, known.slice(first, to)).forEach(exits::append);
    }
    return handoff(known.slice(from, to), from);
  }

  @Override
  public Draft draft(TokenSequence known, int tokens, boolean tail) throws InterruptedException {
    int first = known.length() - 1;
    extendTo(known, first);
    exits.truncate(first);
    var rows = new ArrayList<Integer>(tokens + 1);
    var drafted = new ArrayList<DraftToken>(tokens + 1);
    rows.add(known.id(first));
    while (true) {
      int position = first + rows.size() - 1;
      boolean ended = !drafted.isEmpty() && spec.stops().eosIds().contains(rows.getLast());
      boolean lastRow = rows.size() > tokens || ended;
      boolean asks = !lastRow || (tail && !ended);
      var drawn = lane.draw(position, rows.getLast(), asks ? Optional.of(spec.sampling()) : Optional.empty());
      exits.append(drawn.state());
      drawn.next().ifPresent(q -> drafted.add(choice.choose(q, position + 1)));
      if (lastRow) {
        return new Draft(handoff(TokenIds.of(rows.stream().mapToInt(Integer::intValue).toArray()), first), drafted);
      }
      rows.add(drafted.getLast().id());
    }
  }

  /** Rows of known tokens that no Extend asked for, because the verifier had them already. */
  private void extendTo(TokenSequence known, int position) throws InterruptedException {
    if (exits.length() < position) {
      extend(known, exits.length(), position);
    }
  }

  private Handoff handoff(TokenIds ids, int from) {
    HiddenRows rows = exits.copy(from, from + ids.length());
    return new Handoff.ExitStates(from, ids, exitLayer, rows);
  }

  @Override
  public void observe(TokenSequence committed, Verdict verdict) {
    if (verdict.next().isPresent()) {
      exits.truncate(Math.min(exits.length(), committed.length() - 1));
    }
  }

  @Override
  public long rowsRun() {
    return lane.rowsRun();
  }

  @Override
  public void close() {
    lane.close();
  }
}
