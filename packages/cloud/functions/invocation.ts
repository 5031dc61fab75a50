/** How an invocation ended. */
export type Invocation =
  | { readonly outcome: 'answered'; readonly answer: unknown }
  | { readonly outcome: 'slow' }
  | { readonly outcome: 'failed'; readonly why: string }
