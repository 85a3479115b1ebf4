// Style sheets are the bundler's: what is imported is put into one.

declare module '*.css'
