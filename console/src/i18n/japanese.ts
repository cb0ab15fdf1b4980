// All that is Japanese, in one piece: loaded when somebody reads it.
export { ja } from "./ja";
export { refusals } from "./ja.refused";
export { sentences } from "./ja.said";
export { weaknesses } from "./ja.weakness";
