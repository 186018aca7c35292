package dev.layermesh.decoding.loop;

import dev.layermesh.decoding.Distribution;
import dev.layermesh.decoding.DraftWindow;
import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.SessionKey;
import dev.layermesh.decoding.VerifyReply;
import dev.layermesh.decoding.VerifyReply.Behind;
import dev.layermesh.decoding.VerifyReply.Diverged;
import dev.layermesh.decoding.VerifyReply.Extended;
import dev.layermesh.decoding.VerifyReply.Verdict;
import dev.layermesh.decoding.Work;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.function.Function;

/** Verifies by a table, on the caller's thread, unless the script has another answer to a seq. Records all works. */
final class ScriptedVerifier implements Verifier {
  private final TableModel model;
  private final int maxRows;
  private final Queue<Work> unanswered = new ArrayDeque<>();
  private final Map<Integer, Function<Work, VerifyReply>> script = new HashMap<>();
  private SamplingParams sampling = SamplingParams.GREEDY;
  private boolean judgedLast;
  final List<Work> sent = new ArrayList<>();
  final List<VerifyReply> replies = new ArrayList<>();
  int cached;
  int mostExtendsUnanswered;
  int mostWindowsUnanswered;
  boolean opened;
  boolean closed;

  ScriptedVerifier(TableModel model, int maxRows) {
    this.model = model;
    this.maxRows = maxRows;
  }

  /** Answers {@code seq} in another way. */
  ScriptedVerifier at(int seq, Function<Work, VerifyReply> answer) {
    script.put(seq, answer);
    return this;
  }

  /** Loses all state just before {@code seq}. */
  ScriptedVerifier forgetAt(int seq) {
    return at(seq, work -> {
      cached = 0;
      judgedLast = false;
      return honest(work);
    });
  }

  List<DraftWindow> windows() {
    return sent.stream().filter(DraftWindow.class::isInstance).map(DraftWindow.class::cast).toList();
  }

  @Override
  public int open(SessionKey key, SamplingParams sampling) {
    this.sampling = sampling;
    opened = true;
    return cached;
  }

  @Override
  public int maxRows() {
    return maxRows;
  }

  @Override
  public void send(Work work) {
    sent.add(work);
    unanswered.add(work);
    int extendsNow = (int) unanswered.stream().filter(Work.Extend.class::isInstance).count();
    mostExtendsUnanswered = Math.max(mostExtendsUnanswered, extendsNow);
    mostWindowsUnanswered = Math.max(mostWindowsUnanswered, unanswered.size() - extendsNow);
  }

  @Override
  public VerifyReply receive() throws InterruptedException {
    Work work = unanswered.remove();
    VerifyReply reply = script.getOrDefault(work.seq(), this::honest).apply(work);
    replies.add(reply);
    return reply;
  }

  private VerifyReply honest(Work work) {
    int from = work.handoff().from();
    int rows = work.handoff().count();
    if (from > cached) {
      return judgedLast ? new Diverged(work.seq(), cached) : new Behind(work.seq(), cached);
    }
    judgedLast = work instanceof DraftWindow;
    return switch (work) {
      case Work.Extend extend -> {
        cached = from + rows;
        yield new Extended(extend.seq(), cached, rows);
      }
      case DraftWindow window -> {
        List<Distribution> targets = new ArrayList<>();
        for (int i = 0; i < rows; i++) {
          targets.add(model.after(window.handoff().ids().id(i), window.base() + i));
        }
        var judged = sampling.acceptance().judge(window.tokens(), targets, window.base(), sampling.random());
        cached = window.base() + judged.accepted() - (judged.next().isPresent() ? 0 : 1);
        yield new Verdict(window.seq(), judged.accepted(), judged.next(), rows);
      }
    };
  }

  @Override
  public void close() {
    closed = true;
  }
}
