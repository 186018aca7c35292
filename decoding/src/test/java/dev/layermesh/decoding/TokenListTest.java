package dev.layermesh.decoding;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(10)
class TokenListTest {

  private static TokenList list(int... ids) {
    var list = new TokenList();
    list.append(TokenIds.of(ids));
    return list;
  }

  @Test
  void shouldHashEveryPrefixAsTokenIdsDo() {
    int[] ids = IntStream.range(0, 100).map(i -> i * i).toArray();
    TokenList list = list(ids);
    assertThat(list.length()).isEqualTo(100);
    for (int prefix = 0; prefix <= 100; prefix++) {
      assertThat(list.hash(prefix)).isEqualTo(TokenIds.of(ids).hash(prefix));
    }
    assertThat(list.slice(10, 20)).isEqualTo(TokenIds.of(ids).slice(10, 20));
  }

  @Test
  void shouldForgetWhatItIsTruncatedTo() {
    TokenList list = list(1, 2, 3);
    list.truncate(5);
    assertThat(list.length()).isEqualTo(3);
    list.truncate(1);
    list.append(9);
    assertThat(list.slice(0, 2)).isEqualTo(TokenIds.of(1, 9));
    assertThat(list.hash(2)).isEqualTo(TokenIds.of(1, 9).hash(2));
    assertThatThrownBy(() -> list.truncate(-1)).hasMessage("truncate to -1");
  }

  @Test
  void shouldRefusePositionsItDoesNotHold() {
    TokenList list = list(1, 2, 3);
    list.truncate(2);
    assertThatThrownBy(() -> list.id(2)).hasMessage("position 2 of 2 tokens");
    assertThatThrownBy(() -> list.id(-1)).isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> list.hash(3)).hasMessage("prefix of 3 of 2 tokens");
  }
}
