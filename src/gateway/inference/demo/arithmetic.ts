/**
 * Sums with + - * / and the usual precedence. Whole numbers are exact at any size; others are rounded to 10 digits.
 */

/** The result as text, or undefined when it isn't a sum; `division by zero` is named. */
export function calculate(expression: string): string | undefined {
  const tokens = expression.match(/\d+(?:\.\d+)?|[-+*/]/g) ?? [];
  const numbers: string[] = [];
  const signs: string[] = [];
  let negative = false;
  let wantNumber = true;
  for (const token of tokens) {
    if (wantNumber && token === "-") negative = !negative;
    else if (wantNumber !== /\d/.test(token)) return undefined;
    else if (wantNumber) {
      numbers.push(negative ? `-${token}` : token);
      negative = false;
      wantNumber = false;
    } else {
      signs.push(token);
      wantNumber = true;
    }
  }
  if (wantNumber || signs.length === 0) return undefined;
  return numbers.every((n) => !n.includes("."))
    ? (exact(numbers, signs) ?? rounded(numbers, signs))
    : rounded(numbers, signs);
}

/** Undefined when a division leaves a remainder. */
function exact(numbers: string[], signs: string[]): string | undefined {
  const terms = [BigInt(numbers[0] as string)];
  for (let i = 0; i < signs.length; i++) {
    const right = BigInt(numbers[i + 1] as string);
    const left = terms[terms.length - 1] as bigint;
    if (signs[i] === "*") terms[terms.length - 1] = left * right;
    else if (signs[i] === "/") {
      if (right === 0n || left % right !== 0n) return undefined;
      terms[terms.length - 1] = left / right;
    } else terms.push(signs[i] === "-" ? -right : right);
  }
  return String(terms.reduce((sum, term) => sum + term, 0n));
}

function rounded(numbers: string[], signs: string[]): string {
  const terms = [Number(numbers[0])];
  for (let i = 0; i < signs.length; i++) {
    const right = Number(numbers[i + 1]);
    const left = terms[terms.length - 1] as number;
    if (signs[i] === "*") terms[terms.length - 1] = left * right;
    else if (signs[i] === "/") {
      if (right === 0) return "undefined (division by zero)";
      terms[terms.length - 1] = left / right;
    } else terms.push(signs[i] === "-" ? -right : right);
  }
  return String(Number(terms.reduce((sum, term) => sum + term, 0).toPrecision(10)));
}
