import type { Rule } from '../rule.ts'

/** What belongs to one machine or one company's network stays out of the repository. */
export const words: Rule = {
  name: 'no paths of one machine, no hosts of one network',
  check: (tree) =>
    [...tree.files].flatMap(([path, text]) =>
      text.split('\n').flatMap((content, index) =>
        FORBIDDEN.filter(({ pattern }) => pattern.test(content)).map(({ message }) => ({
          path,
          line: index + 1,
          message,
        })),
      ),
    ),
}

const FORBIDDEN: readonly { readonly pattern: RegExp; readonly message: string }[] = [
  { pattern: /(?<![\w.-])\/(?:home|root|Users|work|mnt)\/[\w.]/, message: 'an absolute path of one machine' },
  { pattern: /[a-z]:\\users\\/i, message: 'an absolute path of one machine' },
  {
    pattern: /https?:\/\/(?!registry\.npmjs\.org\b)[\w.-]*(?:registry|artifactory|nexus|verdaccio)[\w.-]*[:/]/i,
    message: 'a package registry other than the public one',
  },
]
