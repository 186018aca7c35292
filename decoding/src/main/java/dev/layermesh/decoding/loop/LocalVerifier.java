package dev.layermesh.decoding.loop;

import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.SessionKey;
import dev.layermesh.decoding.VerifyReply;
import dev.layermesh.decoding.Work;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;

/**
 * A verifier in the same JVM. Work is answered on a virtual thread of its own, so that draft and verify overlap as
 * they do across machines.
 */
public final class LocalVerifier implements Verifier {
  private static final int MAX_ROWS = 256;

  private sealed interface Answer {
    record Reply(VerifyReply reply) implements Answer {}

    record Failure(Throwable cause) implements Answer {}
  }

  private final VerifierHost host;
  private final BlockingQueue<Work> works = new LinkedBlockingQueue<>();
  private final BlockingQueue<Answer> answers = new LinkedBlockingQueue<>();
  private final ExecutorService worker = Executors.newVirtualThreadPerTaskExecutor();
  private boolean opened;

  public LocalVerifier(VerifierHost host) {
    this.host = host;
  }

  @Override
  public int open(SessionKey key, SamplingParams sampling) {
    if (opened) {
      throw new IllegalStateException("session " + key + " opened twice");
    }
    opened = true;
    VerifierSession session = host.open(key, sampling);
    int cached = session.cached();
    worker.execute(() -> answerAll(session));
    return cached;
  }

  private void answerAll(VerifierSession session) {
    try (session) {
      while (true) {
        answers.add(new Answer.Reply(session.answer(works.take())));
      }
    } catch (InterruptedException closed) {
      Thread.currentThread().interrupt();
    } catch (Throwable failure) {
      answers.add(new Answer.Failure(failure));
    }
  }

  @Override
  public int maxRows() {
    return MAX_ROWS;
  }

  @Override
  public void send(Work work) {
    works.add(work);
  }

  @Override
  public VerifyReply receive() throws InterruptedException {
    return switch (answers.take()) {
      case Answer.Reply answer -> answer.reply();
      case Answer.Failure(Throwable cause) -> throw new IllegalStateException("verifier failed: " + cause, cause);
    };
  }

  /** Returns when the session's caches are free. */
  @Override
  public void close() {
    worker.shutdownNow();
    worker.close();
  }
}
