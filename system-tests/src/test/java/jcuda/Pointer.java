package jcuda;

/** A stand-in for the class of JCuda, which no module depends on. */
public interface Pointer {}
