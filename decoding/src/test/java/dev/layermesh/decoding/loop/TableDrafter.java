package dev.layermesh.decoding.loop;

import dev.layermesh.decoding.Distribution;
import dev.layermesh.decoding.DraftToken;
import dev.layermesh.decoding.Handoff;
import dev.layermesh.decoding.Sampler;
import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.TokenSequence;
import dev.layermesh.decoding.VerifyReply.Verdict;
import java.util.ArrayList;
import java.util.List;

/** Drafts from a table, and counts the drafts and the rows it holds. */
final class TableDrafter implements Drafter {
  private final SessionSpec spec;
  private final TableModel model;
  int drafts;
  int cached;
  boolean closed;
  private long rowsRun;

  TableDrafter(SessionSpec spec, TableModel model) {
    this.spec = spec;
    this.model = model;
  }

  @Override
  public Handoff extend(TokenSequence known, int from, int to) {
    runUpTo(to);
    return new Handoff.Tokens(from, known.slice(from, to));
  }

  @Override
  public Draft draft(TokenSequence known, int tokens, boolean tail) {
    drafts++;
    int first = known.length() - 1;
    cached = Math.min(cached, first);
    List<DraftToken> drafted = new ArrayList<>();
    int last = known.id(first);
    for (int i = 0; i < (tail ? tokens + 1 : tokens); i++) {
      Distribution q = model.after(last, known.length() + i);
      last = Sampler.pick(q, spec.sampling().random(), spec.sampling().acceptance().draftNoise(), known.length() + i);
      drafted.add(new DraftToken(last, q));
    }
    int[] rows = new int[tokens + 1];
    rows[0] = known.id(first);
    for (int i = 1; i < rows.length; i++) {
      rows[i] = drafted.get(i - 1).id();
    }
    runUpTo(first + rows.length);
    return new Draft(new Handoff.Tokens(first, TokenIds.of(rows)), drafted);
  }

  private void runUpTo(int to) {
    rowsRun += Math.max(0, to - cached);
    cached = Math.max(cached, to);
  }

  @Override
  public void observe(TokenSequence committed, Verdict verdict) {
    if (verdict.next().isPresent()) {
      cached = Math.min(cached, committed.length() - 1);
    }
  }

  @Override
  public long rowsRun() {
    return rowsRun;
  }

  @Override
  public void close() {
    closed = true;
  }
}
