package dev.layermesh.gateway;

import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.StopReason;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.loop.DecodeStats;
import dev.layermesh.decoding.loop.Outcome;
import dev.layermesh.decoding.loop.Round;
import dev.layermesh.decoding.loop.SessionHost;
import dev.layermesh.decoding.loop.TokenSink;
import dev.layermesh.gateway.turn.SessionHosts;
import dev.layermesh.mesh.transport.SessionLostException;
import dev.layermesh.mesh.wire.FailureCode;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

/** Plays rounds as a drafter does: it is never further ahead of the acknowledged tokens than its credit. */
final class ScriptedSessions implements SessionHosts {
  final List<Run> runs = new CopyOnWriteArrayList<>();
  private final int credit;
  private final Function<SessionSpec, Script> scripts;

  /**
   * The script of a generation.
   *
   * @param rounds to play
   * @param end how it ends after them; empty waits for a cancel
   * @param gate is waited for before the end
   */
  record Script(List<Round> rounds, Optional<End> end, CountDownLatch gate) {
    Script(List<Round> rounds, Optional<End> end) {
      this(rounds, end, new CountDownLatch(0));
    }
  }

  sealed interface End {
    record Finish(StopReason reason) implements End {}

    record Fail(FailureCode code, String reason) implements End {
      Fail(String reason) {
        this(FailureCode.LOST, reason);
      }
    }
  }

  ScriptedSessions(int credit, Function<SessionSpec, Script> scripts) {
    this.credit = credit;
    this.scripts = scripts;
  }

  /** Rounds of {@code size} tokens that spell {@code text}; each drafts one token more than is accepted. */
  static List<Round> spelling(String text, int size) {
    return rounds(ByteText.bytes(text), size);
  }

  static List<Round> rounds(TokenIds ids, int size) {
    var rounds = new ArrayList<Round>();
    for (int from = 0; from < ids.length(); from += size) {
      TokenIds committed = ids.slice(from, Math.min(ids.length(), from + size));
      int accepted = committed.length() - 1;
      rounds.add(new Round(from, committed, committed.slice(0, accepted).concat(TokenIds.of('#')), accepted));
    }
    return rounds;
  }

  static Script says(String text, int size, StopReason reason) {
    return new Script(spelling(text, size), Optional.of(new End.Finish(reason)));
  }

  /** Says {@code text} and then runs without output until it is cancelled. */
  static Script lingers(String text, int size) {
    return new Script(spelling(text, size), Optional.empty());
  }

  /** Has no host for any session. */
  static SessionHosts refusing(int status, String code) {
    return (fingerprint, traceparent) -> new Choice.None(status, code, "refused by the script", 7);
  }

  @Override
  public Choice choose(String fingerprint, Optional<String> traceparent) {
    return new Choice.Found((spec, sink) -> {
      var run = new Run(spec, traceparent, scripts.apply(spec), sink);
      runs.add(run);
      Thread.ofVirtual().name("scripted").start(run::play);
      return run;
    });
  }

  /** One generation. */
  final class Run implements SessionHost.Session {
    final SessionSpec spec;
    final Optional<String> traceparent;
    private final CompletableFuture<Outcome> outcome = new CompletableFuture<>();
    private final CompletableFuture<Integer> cancelledAt = new CompletableFuture<>();
    private final Script script;
    private final TokenSink sink;
    private int acknowledged;
    private int sent;
    private boolean cancelled;

    Run(SessionSpec spec, Optional<String> traceparent, Script script, TokenSink sink) {
      this.spec = spec;
      this.traceparent = traceparent;
      this.script = script;
      this.sink = sink;
    }

    synchronized int sent() {
      return sent;
    }

    synchronized int acknowledged() {
      return acknowledged;
    }

    /** Waits for the cancel and returns the tokens sent by then. */
    int awaitCancelled() throws Exception {
      return cancelledAt.get(10, TimeUnit.SECONDS);
    }

    @Override
    public CompletionStage<Outcome> outcome() {
      return outcome;
    }

    @Override
    public synchronized void cancel() {
      cancelled = true;
      notifyAll();
    }

    @Override
    public synchronized void acknowledge(int tokens) {
      acknowledged = Math.max(acknowledged, tokens);
      notifyAll();
    }

    private void play() {
      try {
        var stats = DecodeStats.NONE;
        for (Round round : script.rounds()) {
          if (!mayGo(round.from())) {
            outcome.complete(outcome(StopReason.CANCELLED, stats));
            return;
          }
          stats = stats.plus(new DecodeStats(1, round.drafted().length(), round.accepted(), 2, 2));
          sink.round(round);
          sent(round.from() + round.committed().length());
        }
        if (script.end().isEmpty() && !mayGo(Integer.MAX_VALUE)) {
          outcome.complete(outcome(StopReason.CANCELLED, stats));
          return;
        }
        script.gate().await();
        switch (script.end().orElseThrow()) {
          case End.Finish(StopReason reason) -> outcome.complete(outcome(reason, stats));
          case End.Fail(FailureCode code, String reason) ->
              outcome.completeExceptionally(new SessionLostException(code, reason));
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }

    private Outcome outcome(StopReason reason, DecodeStats stats) {
      return new Outcome(reason, TokenIds.empty(), stats);
    }

    private synchronized void sent(int tokens) {
      sent = tokens;
    }

    /** Waits for credit; false once cancelled. */
    private synchronized boolean mayGo(int from) throws InterruptedException {
      while (!cancelled && from >= acknowledged + credit) {
        wait();
      }
      if (cancelled) {
        cancelledAt.complete(sent);
      }
      return !cancelled;
    }
  }
}
