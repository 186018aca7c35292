package dev.layermesh.cli.complete;

import dev.layermesh.cli.process.Progress;

/** Shows a progress bar during prefill and removes it before text is shown. */
public record PrefillProgress(Progress bar, CompletionListener then) implements CompletionListener {
  @Override
  public void prefilled(int done, int total) {
    bar.progressed(done, total);
  }

  @Override
  public void drafted(String text) {
    bar.close();
    then.drafted(text);
  }

  @Override
  public void committed(Piece piece) {
    bar.close();
    then.committed(piece);
  }
}
