/** A function that works the first time only: for what is given back, whoever says so twice. */
export function once(work: () => void): () => void {
  let done = false;
  return () => {
    if (!done) work();
    done = true;
  };
}
