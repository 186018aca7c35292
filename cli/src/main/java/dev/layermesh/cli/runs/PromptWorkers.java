package dev.layermesh.cli.runs;

import dev.layermesh.cli.complete.Completer;
import dev.layermesh.cli.complete.Completion;
import dev.layermesh.cli.complete.CompletionListener;
import dev.layermesh.cli.complete.CompletionRequest;
import dev.layermesh.cli.complete.ContextFullException;
import dev.layermesh.cli.complete.UnansweredException;
import dev.layermesh.decoding.InputException;
import java.time.Duration;
import java.util.Collection;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;

/**
 * Continues prompts, some at a time, each on a virtual thread that parks while a lane or a gateway computes. The
 * number is an upper bound: a lane or gateway without room answers later ({@code Overloaded}, or 429), and the thread
 * waits.
 * {@link #next()} is called by one thread, {@link #stop()} by any.
 */
final class PromptWorkers implements AutoCloseable {
  private static final int TRIES = 20;
  private static final Duration FIRST_PAUSE = Duration.ofMillis(100);
  private static final Duration LONGEST_PAUSE = Duration.ofSeconds(5); // 20 tries last a minute and a half

  private sealed interface Event {
    record Made(PromptResult result) implements Event {}

    record WorkerEnded(Optional<RuntimeException> failure) implements Event {}
  }

  private final Completer completer;
  private final RunSettings settings;
  private final Queue<PromptFile.Line.Asked> waiting;
  private final BlockingQueue<Event> events = new LinkedBlockingQueue<>();
  private final ExecutorService threads =
      Executors.newThreadPerTaskExecutor(Thread.ofVirtual().name("prompt-", 0).factory());
  private Optional<RuntimeException> failure = Optional.empty(); // next()'s thread alone
  private int working; // next()'s thread alone
  private volatile boolean stopped;

  /** Starts the prompts in their order, {@code parallel} at a time. */
  PromptWorkers(
      Completer completer, RunSettings settings, Collection<PromptFile.Line.Asked> prompts, int parallel) {
    this.completer = completer;
    this.settings = settings;
    this.waiting = new ConcurrentLinkedQueue<>(prompts);
    this.working = Math.min(parallel, prompts.size());
    for (int i = 0; i < working; i++) {
      threads.execute(this::work);
    }
  }

  /**
   * Waits for the next result, whichever prompt it is of; empty when there are no more.
   *
   * @throws RuntimeException what ended the run, after the results of the prompts that were through
   */
  Optional<PromptResult> next() throws InterruptedException {
    while (working > 0) {
      switch (events.take()) {
        case Event.Made made -> {
          return Optional.of(made.result());
        }
        case Event.WorkerEnded ended -> {
          working--;
          ended.failure().ifPresent(this::giveUp);
        }
      }
    }
    if (failure.isPresent()) {
      throw failure.get();
    }
    return Optional.empty();
  }

  private void giveUp(RuntimeException cause) {
    failure = failure.or(() -> Optional.of(cause));
    stop();
  }

  /** Starts no further prompt and interrupts those that run. */
  void stop() {
    stopped = true;
    threads.shutdownNow();
  }

  private void work() {
    Optional<RuntimeException> broken = Optional.empty();
    try {
      Optional<PromptResult> result = tryNext();
      while (result.isPresent()) {
        events.add(new Event.Made(result.get()));
        result = tryNext();
      }
    } catch (InterruptedException givenUp) {
      Thread.currentThread().interrupt();
    } catch (RuntimeException cause) {
      broken = Optional.of(cause).filter(_ -> !stopped); // else it is what an interruption looks like from outside
    } catch (Error cause) {
      broken = Optional.of(new IllegalStateException(cause.toString(), cause));
    } finally {
      events.add(new Event.WorkerEnded(broken));
    }
  }

  /** Continues the next prompt, if there is one. */
  private Optional<PromptResult> tryNext() throws InterruptedException {
    PromptFile.Line.Asked line = stopped ? null : waiting.poll();
    if (line == null) {
      return Optional.empty();
    }
    try {
      Completion completion = answered(settings.request(line, completer.hasChatTemplate()));
      return completion.finishReason().equals("cancelled")
          ? Optional.empty()
          : Optional.of(new PromptResult.Finished(line, completion));
    } catch (ContextFullException | InputException unusable) {
      return stopped ? Optional.empty() : Optional.of(new PromptResult.Failed(line, unusable.getMessage()));
    }
  }

  private Completion answered(CompletionRequest request) throws InterruptedException {
    Duration pause = FIRST_PAUSE;
    for (int tries = 1;; tries++) {
      try {
        return completer.complete(request, CompletionListener.NONE);
      } catch (UnansweredException busy) {
        if (tries == TRIES) {
          throw busy;
        }
        Thread.sleep(pause);
        pause = pause.multipliedBy(2).compareTo(LONGEST_PAUSE) < 0 ? pause.multipliedBy(2) : LONGEST_PAUSE;
      }
    }
  }

  /** Stops, and waits until the last thread has ended. */
  @Override
  public void close() {
    stop();
    threads.close();
  }
}
