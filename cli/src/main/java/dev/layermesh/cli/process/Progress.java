package dev.layermesh.cli.process;

import dev.layermesh.engine.checkpoint.LoadListener;
import java.time.Duration;
import java.util.Optional;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/** A progress bar on stderr, or nothing where stderr is no terminal. Owned by one thread; gone when closed. */
public final class Progress implements LoadListener, AutoCloseable {
  private static final int WIDTH = 79; // fits every terminal, whose own width the JDK does not tell

  private final Optional<ProgressBar> bar;

  private Progress(Optional<ProgressBar> bar) {
    this.bar = bar;
  }

  /** Bytes of something. */
  public static Progress ofBytes(Environment environment, String task) {
    return new Progress(environment.terminal()
        ? Optional.of(builder(task).setUnit(" MB", 1 << 20).build())
        : Optional.empty());
  }

  /** Things counted one by one; shows the time left. */
  public static Progress ofItems(Environment environment, String task, String unit) {
    return ofItems(environment, task, unit, 0);
  }

  /** As {@link #ofItems}, where some were done before: the time left is told from the others. */
  public static Progress ofItems(Environment environment, String task, String unit, long doneBefore) {
    return new Progress(environment.terminal()
        ? Optional.of(builder(task).setUnit(" " + unit, 1).startsFrom(doneBefore, Duration.ZERO).build())
        : Optional.empty());
  }

  private static ProgressBarBuilder builder(String task) {
    return new ProgressBarBuilder()
        .setTaskName(task)
        .setStyle(ProgressBarStyle.ASCII)
        .setUpdateIntervalMillis(100)
        .setConsumer(new Line())
        .clearDisplayOnFinish();
  }

  @Override
  public void progressed(long done, long total) {
    bar.ifPresent(shown -> shown.maxHint(total).stepTo(done));
  }

  /** A word beside the bar. */
  public void say(String message) {
    bar.ifPresent(shown -> shown.setExtraMessage(" " + message));
  }

  /** Clears the line so that something else can be printed; the next update draws the bar again. */
  public void makeWay() {
    bar.ifPresent(_ -> {
      System.err.print("\r" + " ".repeat(WIDTH) + "\r");
      System.err.flush();
    });
  }

  @Override
  public void close() {
    bar.ifPresent(ProgressBar::close);
  }

  /** A bar that removes its line at the end. */
  private static final class Line extends ConsoleProgressBarConsumer {
    Line() {
      super(System.err, WIDTH);
    }

    @Override
    public void close() {
      System.err.flush();
    }
  }
}
