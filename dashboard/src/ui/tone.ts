/** Goodness of news. A sign or a word always says the same as the colour. */
export type Tone = 'good' | 'info' | 'warn' | 'bad';
