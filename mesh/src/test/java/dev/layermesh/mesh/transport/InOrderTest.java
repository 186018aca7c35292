package dev.layermesh.mesh.transport;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class InOrderTest {

  @Test
  void shouldHandOutEveryItemOnceInOrderHoweverTheyArrive() {
    var random = new SplittableRandom(3);
    var words = new ArrayList<String>();
    var starts = new ArrayList<Integer>();
    int start = 7;
    for (int i = 0; i < 200; i++) {
      words.add("x".repeat(1 + random.nextInt(4)));
      starts.add(start);
      start += words.get(i).length();
    }
    var inOrder = new InOrder<String>(7, 1000, String::length);
    var taken = new ArrayList<String>();
    while (taken.size() < words.size()) {
      int any = random.nextInt(words.size());
      inOrder.put(starts.get(any), words.get(any));
      inOrder.take().ifPresent(taken::add);
    }
    assertThat(taken).isEqualTo(words);
    assertThat(inOrder.next()).isEqualTo(start);
    inOrder.put(7, "again");
    assertThat(inOrder.take()).isEmpty();
  }

  @Test
  void shouldDropWhatIsTooFarAheadAndTakeItLater() {
    var inOrder = new InOrder<Integer>(0, 2, item -> 1);
    for (int item : List.of(3, 2, 1, 0)) {
      inOrder.put(item, item);
    }
    assertThat(inOrder.knows(1)).isTrue();
    assertThat(inOrder.knows(2)).as("dropped: only two numbers are held").isFalse();
    assertThat(List.of(inOrder.take(), inOrder.take(), inOrder.take()))
        .isEqualTo(List.of(Optional.of(0), Optional.of(1), Optional.empty()));
    inOrder.put(2, 2);
    assertThat(inOrder.take()).hasValue(2);
  }
}
