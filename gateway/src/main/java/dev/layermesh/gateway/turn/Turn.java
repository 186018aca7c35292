package dev.layermesh.gateway.turn;

import dev.layermesh.decoding.SessionKey;
import dev.layermesh.decoding.loop.DecodeStats;
import dev.layermesh.decoding.loop.Outcome;
import dev.layermesh.decoding.loop.Round;
import dev.layermesh.decoding.loop.SessionHost.Session;
import dev.layermesh.decoding.loop.TokenSink;
import dev.layermesh.gateway.turn.SessionHosts.Choice;
import dev.layermesh.gateway.turn.TurnResult.FinishReason;
import dev.layermesh.gateway.turn.TurnWriter.Header;
import dev.layermesh.mesh.transport.SessionLostException;
import dev.layermesh.tokenizer.text.AnswerPiece;
import dev.layermesh.tokenizer.text.AnswerText;
import io.vertx.core.Context;
import io.vertx.core.Future;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Streams one session to one client. Rounds wait in an outbox while the client's socket is full; a round that is
 * written is acknowledged to the session. So a slow client slows down its drafter, and the credit of the session bounds
 * the outbox.
 *
 * <p>Owned by the connection's event loop. The session calls on any thread; its calls are moved to the event loop.
 */
public final class Turn implements TokenSink {
  private static final Logger LOG = LoggerFactory.getLogger(Turn.class);
  /** Time that a cancelled session gets to report its counters before the client gets an answer without them. */
  private static final Duration LAST_WORDS = Duration.ofSeconds(1);

  private final Context context;
  private final TurnPlan plan;
  private final Header header;
  private final TurnWriter writer;
  private final TurnObserver observer;
  private final Duration stall;
  private final LongSupplier nanos;
  private final Consumer<Future<Void>> whenOver;

  private final AnswerText text;
  private final ArrayDeque<Round> outbox = new ArrayDeque<>();
  private final long startNanos;
  private Phase phase = Phase.RUNNING;
  private Optional<Session> session = Optional.empty();
  private Optional<End> end = Optional.empty();
  private FinishReason finish = FinishReason.STOP;
  private DecodeStats seen = DecodeStats.NONE;
  private int received;
  private boolean begun;
  private OptionalLong firstTokenNanos = OptionalLong.empty();
  private OptionalLong timer = OptionalLong.empty();

  private enum Phase {
    RUNNING,
    /** The text is complete and the session is cancelled; the turn waits for the session's counters. */
    STOPPING,
    OVER
  }

  /** How the session ended. */
  private sealed interface End {
    record Finished(Outcome outcome) implements End {}

    record Failed(SessionLostException failure) implements End {}
  }

  Turn(
      Context context, Header header, TurnWriter writer, TurnObserver observer, Duration stall, LongSupplier nanos,
      long startNanos, Consumer<Future<Void>> whenOver) {
    this.context = context;
    this.plan = header.plan();
    this.header = header;
    this.writer = writer;
    this.observer = observer;
    this.stall = stall;
    this.nanos = nanos;
    this.whenOver = whenOver;
    text = new AnswerText(
        plan.model().text(), plan.stops().eosIds(), plan.request().stops(), plan.request().output().speculation());
    this.startNanos = startNanos;
  }

  /** Opens the session, or answers why there is none. */
  void start(SessionHosts hosts, SessionKey key, Optional<String> traceparent) {
    observer.started(header);
    try {
      switch (hosts.choose(plan.model().fingerprint(), traceparent)) {
        case Choice.Found found -> follow(found.host().open(plan.session(key), this));
        case Choice.None no -> fail(ApiError.busy(no.status(), no.code(), no.reason(), no.retryAfterSeconds()));
      }
    } catch (RuntimeException broken) {
      LOG.error("a generation did not start", broken);
      fail(ApiError.server("internal_error", "the gateway failed; its log says why"));
    }
  }

  private void follow(Session opened) {
    session = Optional.of(opened);
    opened.outcome().whenComplete((outcome, failure) -> {
      End last = failure == null ? new End.Finished(outcome) : new End.Failed(SessionLostException.of(failure));
      context.runOnContext(none -> onEnd(last));
    });
  }

  /** A worker took the session and reads its prompt. */
  @Override
  public void prefilled(int done, int total) {
    context.runOnContext(none -> {
      if (phase == Phase.RUNNING) {
        begin();
      }
    });
  }

  /** Begins the answer. Called only after a worker took the session: a refusal before that has its own HTTP status. */
  private void begin() {
    if (!begun) {
      begun = true;
      writer.begin(header);
    }
  }

  @Override
  public void round(Round round) {
    context.runOnContext(none -> onRound(round));
  }

  /** The client's socket can be written again. */
  public void drained() {
    pump();
  }

  /** The client cancels and gets the end of the answer. */
  public void cancel() {
    if (phase == Phase.RUNNING) {
      stop(FinishReason.CANCELLED);
    }
  }

  /** The client is gone. */
  public void clientGone() {
    if (phase != Phase.OVER) {
      observer.clientGone(text.length());
      over(Future::succeededFuture);
    }
  }

  /** Ends the turn with an error. */
  void fail(ApiError error) {
    if (phase != Phase.OVER) {
      observer.failed(error);
      over(() -> writer.fail(error, new TurnWriter.Sent(text.text(), text.length())));
    }
  }

  private void onRound(Round round) {
    if (phase != Phase.RUNNING) {
      return;
    }
    if (round.from() != received) {
      fail(ApiError.server(
          "generation_failed", "tokens from " + round.from() + " on arrived, " + received + " were expected"));
      return;
    }
    if (received == 0) {
      firstTokenNanos = OptionalLong.of(nanos.getAsLong() - startNanos);
      observer.firstToken(firstTokenNanos.getAsLong());
    }
    received += round.committed().length();
    seen = seen.plus(new DecodeStats(1, round.drafted().length(), round.accepted(), 0, 0));
    observer.round(round);
    outbox.add(round);
    pump();
  }

  private void onEnd(End last) {
    if (phase == Phase.OVER) {
      return;
    }
    end = Optional.of(last);
    pump();
  }

  /** Writes rounds while the client's socket takes them, then the end if the session has ended. */
  private void pump() {
    boolean moved = false;
    while (phase == Phase.RUNNING && !outbox.isEmpty() && writer.writable()) {
      send(outbox.poll());
      moved = true;
    }
    if (phase == Phase.OVER) {
      return;
    }
    if (phase == Phase.RUNNING && moved) {
      disarm();
      session.ifPresent(each -> each.acknowledge(text.length()));
    }
    if (phase == Phase.STOPPING || outbox.isEmpty()) {
      end.ifPresent(this::conclude);
    } else if (timer.isEmpty()) {
      arm(stall, () -> fail(
          ApiError.server("client_stalled", "the client took nothing for " + stall.toSeconds() + " s")));
    }
  }

  private void send(Round round) {
    begin();
    AnswerPiece piece = text.take(round);
    TurnRequest.Output output = plan.request().output();
    if (!piece.text().isEmpty() || output.tokenIds() || output.speculation()) {
      writer.piece(piece);
    }
    if (text.stopped()) {
      stop(FinishReason.STOP);
    }
  }

  private void stop(FinishReason reason) {
    disarm();
    phase = Phase.STOPPING;
    finish = reason;
    outbox.clear();
    session.ifPresent(Session::cancel);
    if (end.isPresent()) {
      conclude(end.get());
    } else {
      arm(LAST_WORDS, () -> conclude(seen));
    }
  }

  private void conclude(End last) {
    switch (last) {
      case End.Finished finished when phase == Phase.STOPPING -> conclude(finished.outcome().stats());
      case End.Failed failed when phase == Phase.STOPPING -> conclude(seen);
      case End.Finished(Outcome outcome) -> {
        switch (outcome.reason()) {
          case EOS -> conclude(outcome.stats());
          case LENGTH -> {
            finish = FinishReason.LENGTH;
            conclude(outcome.stats());
          }
          case CANCELLED, SUPERSEDED -> fail(broken("the worker ended the generation early (" + word(outcome) + ")"));
        }
      }
      case End.Failed failed -> fail(begun ? broken(failed.failure().getMessage()) : refused(failed.failure()));
    }
  }

  private void conclude(DecodeStats stats) {
    if (phase == Phase.OVER) {
      return;
    }
    begin();
    if (finish != FinishReason.CANCELLED) {
      AnswerPiece rest = text.finish();
      if (!rest.text().isEmpty()) {
        writer.piece(rest);
      }
      if (text.stopped()) {
        finish = FinishReason.STOP;
      }
    }
    var result = new TurnResult(
        finish, text.text(), text.ids(), plan.prompt().length(), plan.sampling().seed(), stats,
        firstTokenNanos, nanos.getAsLong() - startNanos);
    observer.ended(result);
    over(() -> writer.end(result));
  }

  /** Ends the turn. After {@code lastWords} are written, the connection may be closed. */
  private void over(Supplier<Future<Void>> lastWords) {
    disarm();
    phase = Phase.OVER;
    outbox.clear();
    if (end.isEmpty()) {
      session.ifPresent(Session::cancel);
    }
    Future<Void> written = Future.failedFuture("nothing was written");
    try {
      written = lastWords.get();
    } finally {
      whenOver.accept(written);
    }
  }

  private void arm(Duration delay, Runnable then) {
    timer = OptionalLong.of(context.owner().setTimer(delay.toMillis(), id -> context.runOnContext(none -> {
      if (timer.equals(OptionalLong.of(id))) {
        timer = OptionalLong.empty();
        then.run();
      }
    })));
  }

  private void disarm() {
    timer.ifPresent(context.owner()::cancelTimer);
    timer = OptionalLong.empty();
  }

  private static String word(Outcome outcome) {
    return switch (outcome.reason()) {
      case CANCELLED -> "cancelled";
      case SUPERSEDED -> "superseded";
      case EOS, LENGTH -> throw new IllegalStateException(outcome.reason() + " is a regular end");
    };
  }

  /** The error for a session that no worker took. */
  private static ApiError refused(SessionLostException lost) {
    return switch (lost.code()) {
      case OVERLOADED -> ApiError.busy(429, "overloaded", lost.getMessage(), 1);
      case DRAINING -> ApiError.busy(503, "draining", lost.getMessage(), 2);
      case BAD_INPUT, STALE, UNKNOWN_SESSION, VERIFIER_LOST, INTERNAL, LOST -> broken(lost.getMessage());
    };
  }

  private static ApiError broken(String reason) {
    return ApiError.server("generation_failed", reason);
  }
}
