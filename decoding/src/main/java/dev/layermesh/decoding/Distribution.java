package dev.layermesh.decoding;

import java.util.Arrays;

/**
 * A probability distribution over token ids, after temperature and filters: a token is drawn from it.
 * Target and draft use the same three shapes. Entries are float32 exactly as sampled, so that they mean the same on
 * every node.
 */
public sealed interface Distribution {

  /** Probability of {@code id}; 0 outside the support. */
  float probability(int id);

  /** Number of entries, in ascending order of id. */
  int size();

  /** Token id of entry {@code index}. */
  int id(int index);

  /** Probability of entry {@code index}. */
  float mass(int index);

  /** All mass on one token: greedy choice, or a drafter without a model. */
  record Certain(int id) implements Distribution {
    @Override
    public float probability(int other) {
      return other == id ? 1f : 0f;
    }

    @Override
    public int size() {
      return 1;
    }

    @Override
    public int id(int index) {
      return id;
    }

    @Override
    public float mass(int index) {
      return 1f;
    }
  }

  /**
   * A truncated support (top-k, top-p), so that a whole vocabulary never crosses the wire.
   *
   * @param ids token ids, strictly ascending
   * @param masses probabilities, as many as ids
   */
  record Sparse(int[] ids, float[] masses) implements Distribution {
    public Sparse {
      if (ids.length != masses.length || ids.length == 0) {
        throw new IllegalArgumentException(ids.length + " ids for " + masses.length + " masses");
      }
      for (int i = 1; i < ids.length; i++) {
        if (ids[i - 1] >= ids[i]) {
          throw new IllegalArgumentException("ids not ascending: " + ids[i - 1] + " before " + ids[i]);
        }
      }
    }

    @Override
    public float probability(int id) {
      int index = Arrays.binarySearch(ids, id);
      return index < 0 ? 0f : masses[index];
    }

    @Override
    public int size() {
      return ids.length;
    }

    @Override
    public int id(int index) {
      return ids[index];
    }

    @Override
    public float mass(int index) {
      return masses[index];
    }

    @Override
    public boolean equals(Object other) {
      return other instanceof Sparse that && Arrays.equals(ids, that.ids) && Arrays.equals(masses, that.masses);
    }

    @Override
    public int hashCode() {
      return 31 * Arrays.hashCode(ids) + Arrays.hashCode(masses);
    }

    @Override
    public String toString() {
      return "Sparse" + Arrays.toString(ids) + Arrays.toString(masses);
    }
  }

  /**
   * The whole vocabulary.
   *
   * @param masses probabilities by token id
   */
  record Dense(float[] masses) implements Distribution {
    @Override
    public float probability(int id) {
      return id < masses.length ? masses[id] : 0f;
    }

    @Override
    public int size() {
      return masses.length;
    }

    @Override
    public int id(int index) {
      return index;
    }

    @Override
    public float mass(int index) {
      return masses[index];
    }

    @Override
    public boolean equals(Object other) {
      return other instanceof Dense that && Arrays.equals(masses, that.masses);
    }

    @Override
    public int hashCode() {
      return Arrays.hashCode(masses);
    }

    @Override
    public String toString() {
      return "Dense[" + masses.length + "]";
    }
  }
}
