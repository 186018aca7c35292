package dev.layermesh.cli.complete;

import java.io.PrintWriter;
import java.util.List;

/** Prints an answer on stdout while it is made. Interrupts the thread that makes it when stdout is closed. */
public sealed interface AnswerView extends CompletionListener {

  /** A view in colours, or plain. */
  static AnswerView on(PrintWriter out, boolean color) {
    return color ? new Colored(out) : new Plain(out);
  }

  /** Ends the last line. */
  void end();

  /** Text alone. */
  final class Plain implements AnswerView {
    private final PrintWriter out;
    private boolean lineEnded = true;

    Plain(PrintWriter out) {
      this.out = out;
    }

    @Override
    public void committed(Piece piece) {
      out.print(piece.text());
      lineEnded = piece.text().isEmpty() ? lineEnded : piece.text().endsWith("\n");
      stopIfUnread(out);
    }

    @Override
    public void end() {
      if (!lineEnded) {
        out.println();
      }
      out.flush();
    }
  }

  /**
   * Draft tokens dimmed behind the cursor, then the round's own text over them: accepted tokens green, a correction
   * yellow, a bonus as it is. Control sequences are those of ECMA-48 and DEC terminals.
   */
  final class Colored implements AnswerView {
    private static final String ESC = "\u001b";
    private static final String SAVE_CURSOR = ESC + "7";
    private static final String RESTORE_CURSOR = ESC + "8";
    private static final String NO_WRAP = ESC + "[?7l";
    private static final String WRAP = ESC + "[?7h";
    private static final String ERASE_BEHIND = ESC + "[J";
    private static final String DIM = ESC + "[2m";
    private static final String GREEN = ESC + "[32m";
    private static final String YELLOW = ESC + "[33m";
    private static final String PLAIN = ESC + "[0m";

    private final PrintWriter out;
    private boolean begun;

    Colored(PrintWriter out) {
      this.out = out;
    }

    @Override
    public void drafted(String text) {
      begun = true;
      // In one line and without wrapping, a draft cannot scroll, so the cursor can be restored.
      out.print(SAVE_CURSOR + NO_WRAP + DIM + text.replaceAll("\\R", "⏎") + PLAIN + WRAP + RESTORE_CURSOR);
      stopIfUnread(out);
    }

    @Override
    public void committed(Piece piece) {
      begun = true;
      out.print(ERASE_BEHIND);
      piece.round().ifPresentOrElse(this::print, () -> out.print(piece.text()));
      stopIfUnread(out);
    }

    private void print(Judged round) {
      List<String> pieces = round.pieces();
      for (int i = 0; i < pieces.size(); i++) {
        if (i < round.accepted()) {
          out.print(GREEN + pieces.get(i) + PLAIN);
        } else {
          out.print(round.rejected().isEmpty() ? pieces.get(i) : YELLOW + pieces.get(i) + PLAIN);
        }
      }
    }

    @Override
    public void end() {
      if (begun) {
        out.println(ERASE_BEHIND + PLAIN);
      }
      out.flush();
    }
  }

  private static void stopIfUnread(PrintWriter out) {
    if (out.checkError()) { // flushes; true when the reader of a pipe has closed it
      Thread.currentThread().interrupt();
    }
  }
}
