/** The law of speculative decoding: depends on the JDK alone. */
module dev.layermesh.decoding {
  exports dev.layermesh.decoding;
  exports dev.layermesh.decoding.loop;
}
