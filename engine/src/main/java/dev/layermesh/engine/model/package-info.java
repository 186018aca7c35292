/**
 * What a Llama model is: its sizes, its positions and which of its layers run.
 *
 * <p>Shapes: D hidden size, F intermediate size, H heads, HKV key/value heads, HD head dimension, V vocabulary, L
 * layers, E exit layer.
 */
package dev.layermesh.engine.model;
