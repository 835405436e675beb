import { describe, expect, it } from 'vitest'
import { parseS3Url } from './s3-url.ts'

describe('parseS3Url', () => {
  it.each([
    ['s3://media', { bucket: 'media', prefix: '' }],
    ['s3://media/', { bucket: 'media', prefix: '' }],
    ['s3://media/team/dits/', { bucket: 'media', prefix: 'team/dits' }],
    ['s3://my.bucket-1/a?region=eu-central-1', { bucket: 'my.bucket-1', prefix: 'a', region: 'eu-central-1' }],
    [
      's3://media/dits?endpoint=http://10.0.0.5:9000&region=us-east-1&path-style=false',
      { bucket: 'media', prefix: 'dits', endpoint: 'http://10.0.0.5:9000', region: 'us-east-1', pathStyle: false },
    ],
    ['s3://media?endpoint=https%3A%2F%2Fs3.example.com', { bucket: 'media', prefix: '', endpoint: 'https://s3.example.com' }],
    ['s3://Old_Bucket', { bucket: 'Old_Bucket', prefix: '' }],
  ])('reads %s', (text, place) => {
    expect(parseS3Url(text)).toEqual(place)
  })

  it.each([
    '', 'media', 'https://media/dits', 's3:media', 's3://', 's3://ab', 's3://media:80/a', 's3://media#a',
    's3://media/a b', 's3://media/a//b', 's3://media/%2e%2e%2fb', 's3://media/%00', `s3://media/${'n'.repeat(256)}`,
    's3://media?endpoint=ftp://host', 's3://media?endpoint=host', 's3://media?endpoint=', 's3://media?regoin=eu',
    's3://media?region=a&region=b', 's3://media?path-style=yes',
  ])('refuses %j', (text) => {
    expect(() => parseS3Url(text)).toThrow(expect.objectContaining({ code: 'bad-store-url', hint: expect.stringContaining('s3://BUCKET') }))
  })

  it.each(['s3://AKIAKEY:topsecret@media/a', 's3://topsecret@media', 's3://media?endpoint=https://me:topsecret@host'])('refuses keys, and does not repeat them: %s', (text) => {
    expect(() => parseS3Url(text)).toThrow(expect.objectContaining({ code: 'bad-store-url', message: expect.not.stringContaining('topsecret') }))
  })
})
