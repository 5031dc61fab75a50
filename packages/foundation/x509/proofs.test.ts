import { test } from 'node:test'
import { Certificate, Linted, VerifiedChain, VerifiedCsr } from './index.ts'

/** The members that an object literal could copy. */
type Likeness<Proof> = { [Member in keyof Proof]: Proof[Member] }

/** Each line must not compile: tsc refuses a directive that has nothing to expect. */
test('nobody else can make what these classes state', () => {
  const make = (likeness: {
    certificate: Likeness<Certificate>
    linted: Likeness<Linted>
    chain: Likeness<VerifiedChain>
    csr: Likeness<VerifiedCsr>
  }): unknown[] => {
    // @ts-expect-error an object with the same members is no certificate that was read
    const certificate: Certificate = likeness.certificate
    // @ts-expect-error an object with the same members was not linted
    const linted: Linted = likeness.linted
    // @ts-expect-error an object with the same members was not verified
    const chain: VerifiedChain = likeness.chain
    // @ts-expect-error an object with the same members was not verified
    const csr: VerifiedCsr = likeness.csr
    return [certificate, linted, chain, csr]
  }
  void make
  // @ts-expect-error the constructor is private
  void (() => new Certificate())
  // @ts-expect-error the constructor is private
  void (() => new Linted())
  // @ts-expect-error the constructor is private
  void (() => new VerifiedChain())
  // @ts-expect-error the constructor is private
  void (() => new VerifiedCsr())
})
