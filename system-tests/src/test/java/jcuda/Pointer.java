package jcuda;

/** Stands for the class of JCuda, which no module depends on. */
public interface Pointer {}
